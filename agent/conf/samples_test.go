package conf

import "strings"

// yearless are the parsers whose times have no year.
var yearless = map[string]bool{"syslog-rfc3164": true, "syslog-rfc3164-local": true, "pacemaker": true}

const (
	istio = `[2024-03-05T10:11:12.345Z] "GET /items HTTP/1.1" 503 UF upstream_reset - "%s" 0 95 12 - "-" "curl/8.5" "0f1e" "shop.example" "10.0.0.7:80" outbound|80||shop 10.0.0.5:33 10.0.0.6:80 10.0.0.8:44 - default`
	entry = `"method":"GET","path":"/items",`
)

// samples are lines for each parser, with the time and the record that it makes of them.
var samples = map[string][][2]string{
	"apache": {
		{`192.0.2.1 - frank [05/Mar/2024:10:11:12 +0100] "GET /a b HTTP/1.1" 200 2326 "http://x.example/" "Mozilla/5.0 (X11)"`,
			`2024-03-05T09:11:12Z {"host":"192.0.2.1","user":"frank","method":"GET","path":"/a b","code":"200","size":"2326","referer":"http://x.example/","agent":"Mozilla/5.0 (X11)"}`},
		{`192.0.2.1 - - [05/Mar/2024:10:11:12 +0100] "GET /a" 404 -`,
			`2024-03-05T09:11:12Z {"host":"192.0.2.1","user":"-","method":"GET","path":"/a","code":"404","size":"-"}`},
		{`no access log`, "no"},
	},
	"apache2": {
		{`192.0.2.1 - frank [05/Mar/2024:10:11:12 +0100] "GET /index.html?q=1 HTTP/1.1" 200 2326 "http://x.example/start" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"`,
			`2024-03-05T09:11:12Z {"host":"192.0.2.1","user":"frank","method":"GET","path":"/index.html?q=1","code":"200","size":"2326","referer":"http://x.example/start","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"}`},
		{`192.0.2.1 - - [05/Mar/2024:10:11:12 +0100] "GET / HTTP/1.1" 200 1 "-" "a "quoted" agent"`,
			`2024-03-05T09:11:12Z {"host":"192.0.2.1","user":"-","method":"GET","path":"/","code":"200","size":"1","referer":"-","agent":"a \"quoted\" agent"}`},
		{`192.0.2.1 - - [05/Mar/2024:10:11:12 +0100] "-" 408 -`,
			`2024-03-05T09:11:12Z {"host":"192.0.2.1","user":"-","method":"-","code":"408","size":"-"}`},
	},
	"apache_error": {
		{`[Tue Mar 05 10:11:12.123 2024] [core:error] [pid 12:tid 34] [client 192.0.2.1:99] File does not exist`,
			`{"time":"Mar 05 10:11:12.123 2024","level":"core:error","pid":"12:tid 34","client":"192.0.2.1:99","message":"File does not exist"}`},
		{`[Tue Mar 05 10:11:12 2024] [notice] caught SIGTERM`, `{"time":"Mar 05 10:11:12 2024","level":"notice","message":"caught SIGTERM"}`},
	},
	"nginx": {
		{`192.0.2.1 - alice [05/Mar/2024:10:11:12 +0000] "POST /form HTTP/2.0" 302 0 "-" "curl/8.5"`,
			`2024-03-05T10:11:12Z {"remote":"192.0.2.1","host":"-","user":"alice","method":"POST","path":"/form","code":"302","size":"0","referer":"-","agent":"curl/8.5"}`},
	},
	"k8s-nginx-ingress": {
		{`192.0.2.1 - - [05/Mar/2024:10:11:12 +0000] "GET /items HTTP/1.1" 200 15 "-" "curl/8.5" 85 0.003 [shop-web-80] [] 10.0.0.7:8080 15 0.002 200 abc123`,
			`2024-03-05T10:11:12Z {"host":"192.0.2.1","user":"-",` + entry + `"code":"200","size":"15","referer":"-","agent":"curl/8.5","request_length":"85","request_time":"0.003","proxy_upstream_name":"shop-web-80","upstream_addr":"10.0.0.7:8080","upstream_response_length":"15","upstream_response_time":"0.002","upstream_status":"200","reg_id":"abc123"}`},
	},
	"json":   {{`{"time":"05/Mar/2024:10:11:12 +0000","n":1}`, `2024-03-05T10:11:12Z {"n":1}`}},
	"logfmt": {{`level=info msg="two words"`, `{"level":"info","msg":"two words"}`}},
	"docker": {{`{"log":"hi\n","stream":"stdout","time":"2024-03-05T10:11:12.123456789Z"}`,
		`2024-03-05T10:11:12.123456789Z {"log":"hi\n","stream":"stdout","time":"2024-03-05T10:11:12.123456789Z"}`}},
	"docker-daemon": {{`time="2024-03-05T10:11:12.5Z" level=info msg="API listen on /run/docker.sock"`,
		`2024-03-05T10:11:12.5Z {"time":"2024-03-05T10:11:12.5Z","level":"info","msg":"API listen on /run/docker.sock"}`}},
	"cri": {
		{`2024-03-05T10:11:12.123456789+01:00 stdout F 10.1.2.3 - request served in 12 ms, 200 OK, path=/api/v1/items?page=3&size=50 agent=curl/8.5 trace=0af7651916cd43dd8448eb211c80319c`,
			`2024-03-05T09:11:12.123456789Z {"time":"2024-03-05T10:11:12.123456789+01:00","stream":"stdout","logtag":"F","message":"10.1.2.3 - request served in 12 ms, 200 OK, path=/api/v1/items?page=3&size=50 agent=curl/8.5 trace=0af7651916cd43dd8448eb211c80319c"}`},
		{`2024-03-05T10:11:12.1Z stderr P `, `2024-03-05T10:11:12.1Z {"time":"2024-03-05T10:11:12.1Z","stream":"stderr","logtag":"P"}`},
		{`2024-03-05T10:11:12.1Z stdlog F x`, "no"},
	},
	"kube-custom": {{`kube.web-7c.shop_default_nginx-` + strings.Repeat("0a", 32) + `.log`,
		`{"tag":"kube","pod_name":"web-7c.shop","namespace_name":"default","container_name":"nginx","docker_id":"` + strings.Repeat("0a", 32) + `"}`}},
	"syslog-rfc5424": {
		{`<165>1 2024-03-05T10:11:12.003Z web1 app 8710 ID47 [x@32473 iut="3"] it works`,
			`2024-03-05T10:11:12.003Z {"pri":"165","time":"2024-03-05T10:11:12.003Z","host":"web1","ident":"app","pid":"8710","msgid":"ID47","extradata":"[x@32473 iut=\"3\"]","message":"it works"}`},
		{`<14>1 2024-03-05T10:11:12.0+02:00 web1 app - - - it works`,
			`2024-03-05T08:11:12Z {"pri":"14","time":"2024-03-05T10:11:12.0+02:00","host":"web1","ident":"app","pid":"-","msgid":"-","extradata":"-","message":"it works"}`},
	},
	"syslog-rfc3164-local": {{`<13>Mar  5 10:11:12 sshd[42]: session opened`,
		`{"pri":"13","time":"Mar  5 10:11:12","ident":"sshd","pid":"42","message":"session opened"}`}},
	"syslog-rfc3164": {
		{`<13>Mar  5 10:11:12 web1 sshd[42]: session opened`, `{"pri":"13","time":"Mar  5 10:11:12","host":"web1","ident":"sshd","pid":"42","message":"session opened"}`},
		{`<13>Mar 15 10:11:12 web1 cron: done`, `{"pri":"13","time":"Mar 15 10:11:12","host":"web1","ident":"cron","message":"done"}`},
	},
	"mongodb": {
		{`2024-03-05T10:11:12.345+0000 I COMMAND  [conn7] command shop.items find 123ms`,
			`2024-03-05T10:11:12.345Z {"time":"2024-03-05T10:11:12.345+0000","severity":"I","component":"COMMAND","context":"conn7","message":"command shop.items find","ms":"123"}`},
		{`2024-03-05T10:11:12.345+0000 I NETWORK  [listener] connection accepted`,
			`2024-03-05T10:11:12.345Z {"time":"2024-03-05T10:11:12.345+0000","severity":"I","component":"NETWORK","context":"listener","message":"connection accepted"}`},
	},
	"envoy": {{`[2024-03-05T10:11:12.345Z] "GET /items HTTP/1.1" 200 - 0 15 12 11 "-" "curl/8.5" "0f1e" "shop.example" "10.0.0.7:80"`,
		`2024-03-05T10:11:12.345Z {"start_time":"2024-03-05T10:11:12.345Z",` + entry + `"protocol":"HTTP/1.1","code":"200","response_flags":"-","bytes_received":"0","bytes_sent":"15","duration":"12","x_envoy_upstream_service_time":"11","x_forwarded_for":"-","user_agent":"curl/8.5","request_id":"0f1e","authority":"shop.example","upstream_host":"10.0.0.7:80"}`}},
	"istio-envoy-proxy": {
		{strings.Replace(istio, "%s", "connection refused", 1), istioRecord(`"upstream_transport_failure_reason":"connection refused",`)},
		{strings.Replace(istio, `"%s"`, "-", 1), istioRecord("")},
	},
	"kmsg-netfilter-log": {
		{`<4>1 2024-03-05T10:11:12.5+00:00 gw kernel - - - [42.5] drop: IN=eth0 OUT= MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00 SRC=192.0.2.1 DST=192.0.2.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=7 DF PROTO=TCP SPT=4000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0`,
			`2024-03-05T10:11:12.5Z {"pri":"4","host":"gw","logprefix":"drop:","in":"eth0","macsrc":"52:54:00:12:34:56","macdst":"52:54:00:65:43:21","ethtype":"08:00","saddr":"192.0.2.1","daddr":"192.0.2.2","len":"60","tos":"0x00","prec":"0x00","ttl":"64","id":"7","proto":"TCP","sport":"4000","dport":"22","window":"64240","res":"0x00","flag":"SYN","urgp":"0"}`},
		{`<4>1 2024-03-05T10:11:12.5+00:00 gw kernel - - - [42.5] IN= OUT=eth0 MAC= SRC=192.0.2.1 DST=192.0.2.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=TCP SPT=53 DPT=5353 WINDOW=501 RES=0x00 ACK PSH URGP=1`,
			`2024-03-05T10:11:12.5Z {"pri":"4","host":"gw","out":"eth0","saddr":"192.0.2.1","daddr":"192.0.2.2","len":"60","tos":"0x00","prec":"0x00","ttl":"64","id":"7","proto":"TCP","sport":"53","dport":"5353","window":"501","res":"0x00","flag":"ACK","urgp":"1"}`},
		{`<4>1 2024-03-05T10:11:12.5+00:00 gw kernel - - - [42.5] IN=eth0 OUT= MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00 SRC=192.0.2.1 DST=192.0.2.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=UDP SPT=53 DPT=5353 LEN=40`,
			`2024-03-05T10:11:12.5Z {"pri":"4","host":"gw","in":"eth0","macsrc":"52:54:00:12:34:56","macdst":"52:54:00:65:43:21","ethtype":"08:00","saddr":"192.0.2.1","daddr":"192.0.2.2","len":"60","tos":"0x00","prec":"0x00","ttl":"64","id":"7","proto":"UDP","sport":"53","dport":"5353","protolen":"40"}`},
	},
	"ambassador": {{`ACCESS [2024-03-05T10:11:12.345Z] "GET /items HTTP/1.1" 200 - 0 15 12 11 "-" "curl/8.5" "0f1e" "shop.example" "10.0.0.7:80"`,
		`{"type":"ACCESS","time":"2024-03-05T10:11:12.345Z",` + entry + `"protocol":"HTTP/1.1","response_code":"200","response_flags":"-","bytes_received":"0","bytes_sent":"15","duration":"12","x_envoy_upstream_service_time":"11","x_forwarded_for":"-","user_agent":"curl/8.5","x_request_id":"0f1e","authority":"shop.example","upstream_host":"10.0.0.7:80"}`}},
	"ceph":           {{`2024-03-05 10:11:12.345678 7f10 0 osd.3 up`, `2024-03-05T10:11:12.345678Z {"message":"7f10 0 osd.3 up"}`}},
	"java_multiline": {{"2024-03-05 10:11:12 [main] ERROR it broke\n  at Main.run", `2024-03-05T10:11:12Z {"thread":"main","level":"ERROR","message":" it broke\n  at Main.run"}`}},
	"mult_first": {{`Started GET "/items" for 192.0.2.1 at 2024-03-05 10:11:12 +0100`,
		`2024-03-05T09:11:12Z {"method":"GET","path":"/items","host":"192.0.2.1"}`}},
	"mult_1": {{`Processing by ItemsController#index as HTML`, `{"controller":"ItemsController","controller_method":"index","format":"HTML"}`}},
	"mult_2": {{`  Parameters: {"id"=>"7"}`, `{"parameters":"{\"id\"=>\"7\"}"}`}},
	"mult_3": {{`  Rendered items/index.erb within layouts/app (1.5ms)`, `{"template":"items/index.erb","layout":"layouts/app"}`}},
	"mult_4": {{`Completed 200 OK in 12.5ms (Views: 3.1ms | ActiveRecord: 2.0ms)`, `{"code":"200","runtime":"12.5","view_runtime":"3.1","ar_runtime":"2.0"}`}},

	"cinder": openstack, "glance": openstack, "heat": openstack, "keystone": openstack, "neutron": openstack, "nova": openstack,

	"confluent-schema-registry": {{`[2024-03-05 10:11:12,345] INFO 192.0.2.1 - - [05/Mar/2024:10:11:12 +0000] "GET /subjects HTTP/1.1" 200 2 "-" "curl/8.5" 3 (io.rest)`,
		`2024-03-05T10:11:12.345Z {"level":"INFO","src":"192.0.2.1","date":"05/Mar/2024:10:11:12 +0000","method":"GET","path":"/subjects","http_version":"HTTP/1.1","code":"200","size":"2","agent":"curl/8.5","extra_info":"3 (io.rest)"}`}},
	"confluent-schema-registry-prefixed": {{`[2024-03-05 10:11:12,345] INFO 192.0.2.1 - - [05/Mar/2024:10:11:12 +0000] "GET / HTTP/1.1" 200 2 "-" "curl/8.5" 3`,
		`2024-03-05T10:11:12.345Z {"_sr_level":"INFO","_sr_src":"192.0.2.1","_sr_date":"05/Mar/2024:10:11:12 +0000","_sr_method":"GET","_sr_path":"/","_sr_http_version":"HTTP/1.1","_sr_code":"200","_sr_size":"2","_sr_agent":"curl/8.5","_sr_extra_info":"3"}`}},

	"crowbar":        {{`I, [2024-03-05T10:11:12.345 #42] INFO -- : it works`, `2024-03-05T10:11:12Z {"severity":"INFO","message":"it works"}`}},
	"chefclient":     {{`[2024-03-05T10:11:12+00:00] WARN: it works`, `2024-03-05T10:11:12Z {"severity":"WARN","message":"it works"}`}},
	"mysql_error":    {{`2024-03-05 10:11:12 140 [Note] InnoDB: ready`, `2024-03-05T10:11:12Z {"myid":"140","severity":"Note","subsystem":"InnoDB","message":"ready"}`}},
	"mysql_slow":     {{`# User@Host: root[root] @ localhost [127.0.0.1] Id: 7`, `{"user":"root[root]","dbhost":"localhost","dbhost_address":"127.0.0.1","message":"Id: 7"}`}},
	"pacemaker":      {{`Mar 05 10:11:12 [42] node-1 crmd: info: it works`, `{"pid":"42","node":"node-1","component":"crmd","severity":"info","message":"it works"}`}},
	"rabbitmq":       {{`=INFO REPORT==== 5-Mar-2024::10:11:12 === accepting`, `2024-03-05T10:11:12Z {"severity":"INFO","message":"accepting"}`}},
	"http_statement": {{`192.0.2.1 "GET /v2/items HTTP/1.1" status: 200 len: 15 time: 0.25`, `{"req_method":"GET","req_path":"/v2/items","req_protocol":"HTTP/1.1","req_status":"200","req_len":"15","req_log_time":"0.25"}`}},
	"universal":      {{`anything`, `{"message":"anything"}`}},
	"uuid":           {{`id=123e4567-e89b-12d3-a456-426614174000;`, `{"uuid":"123e4567-e89b-12d3-a456-426614174000"}`}},
	"iptables": {
		{`[INPUT-ssh-D]IN=eth0 OUT= MAC=aa:bb SRC=192.0.2.1 DST=192.0.2.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=7 DF PROTO=TCP SPT=4000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 `,
			`{"rule_chain":"INPUT","rule_name":"ssh","accept_or_drop":"D","in_interface":"eth0","mac_address":"aa:bb","source":"192.0.2.1","dest":"192.0.2.2","pkt_len":60,"pkt_tos":"0x00","pkt_prec":"0x00","pkt_ttl":64,"pkt_id":"7","pkg_frg":"DF","protocol":"TCP","source_port":4000,"dest_port":22,"proto_window_size":"64240","pkt_res":"0x00","pkt_type":"SYN","pkg_urgency":"0"}`},
		{`[FWD-ping-A]IN=eth0 OUT=eth1 MAC=aa:bb SRC=192.0.2.1 DST=192.0.2.2 LEN=84 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=2 `,
			`{"rule_chain":"FWD","rule_name":"ping","accept_or_drop":"A","in_interface":"eth0","out_interface":"eth1","mac_address":"aa:bb","source":"192.0.2.1","dest":"192.0.2.2","pkt_len":84,"pkt_tos":"0x00","pkt_prec":"0x00","pkt_ttl":63,"pkt_id":"7","protocol":"ICMP","pkt_icmp_type":"8","pkt_icmp_code":"0","pkt_icmp_id":"1","pkt_icmp_seq":"2"}`},
	},
	"couchbase_json_log_nanoseconds": {{`{"timestamp":"2024-03-05T10:11:12.123456789Z","n":1}`, `2024-03-05T10:11:12.123456789Z {"timestamp":"2024-03-05T10:11:12.123456789Z","n":1}`}},
	"couchbase_rebalance_report":     {{`{"timestamp":"2024-03-05T10:11:12Z","n":1}`, `2024-03-05T10:11:12Z {"timestamp":"2024-03-05T10:11:12Z","n":1}`}},
	"couchbase_simple_log": {{`2024-03-05T10:11:12.345+01:00 [INFO] ready`,
		`2024-03-05T09:11:12.345Z {"timestamp":"2024-03-05T10:11:12.345+01:00","level":"INFO","message":" ready"}`}},
	"couchbase_simple_log_space_separated": {{`2024-03-05T10:11:12.345+01:00 INFO ready`,
		`2024-03-05T09:11:12.345Z {"timestamp":"2024-03-05T10:11:12.345+01:00","level":"INFO","message":"ready"}`}},
	"couchbase_simple_log_utc": {{`2024-03-05T10:11:12.345Z INFO ready`,
		`2024-03-05T10:11:12.345Z {"timestamp":"2024-03-05T10:11:12.345Z","level":"INFO","message":" ready"}`}},
	"couchbase_simple_log_mixed": {
		{`2024/03/05 10:11:12 cbauth: ready`, `{"timestamp":"2024/03/05 10:11:12","level":"cbauth","message":" ready"}`},
		{`2024-03-05T10:11:12.345+00:00 [INFO] ready`, `{"timestamp":"2024-03-05T10:11:12.345+00:00","level":"INFO","message":" ready"}`},
	},
	"couchbase_erlang_multiline": {{"[ns_server:info,2024-03-05T10:11:12.345Z,node]ready\nset",
		`2024-03-05T10:11:12.345Z {"logger":"ns_server","level":"info","timestamp":"2024-03-05T10:11:12.345Z","message":"node]ready\nset"}`}},
	"couchbase_java_multiline": {{"2024-03-05T10:11:12.345+00:00 INFO a.B [main] ready\nset",
		`2024-03-05T10:11:12.345Z {"timestamp":"2024-03-05T10:11:12.345+00:00","level":"INFO","class":"a.B","thread":"main","message":"ready\nset"}`}},
	"couchbase_http": {{`192.0.2.1 - admin [05/Mar/2024:10:11:12 +0000] "GET /pools HTTP/1.1" 200 15 - curl/8.5`,
		`2024-03-05T10:11:12Z {"host":"192.0.2.1","user":"admin","timestamp":"05/Mar/2024:10:11:12 +0000","method":"GET","path":"/pools","code":"200","size":"15","client":"curl/8.5"}`}},
}

var openstack = [][2]string{
	{`2024-03-05 10:11:12.345 42 INFO nova.api [req-1 u-1 p-1 d-1 ud-1 pd-1] it works`,
		`2024-03-05T10:11:12.345Z {"pid":"42","severity":"INFO","component":"nova.api","req_id":"req-1","req_user":"u-1","req_project":"p-1","req_domain":"d-1","req_user_domain":"ud-1","req_project_domain":"pd-1","message":"it works"}`},
	{`2024-03-05 10:11:12.345 42 INFO nova.api [-] it works`, `2024-03-05T10:11:12.345Z {"pid":"42","severity":"INFO","component":"nova.api","message":"it works"}`},
}

func istioRecord(reason string) string {
	return `2024-03-05T10:11:12.345Z {"start_time":"2024-03-05T10:11:12.345Z",` + entry + `"protocol":"HTTP/1.1","response_code":"503","response_flags":"UF","response_code_details":"upstream_reset","connection_termination_details":"-",` + reason + `"bytes_received":"0","bytes_sent":"95","duration":"12","x_envoy_upstream_service_time":"-","x_forwarded_for":"-","user_agent":"curl/8.5","x_request_id":"0f1e","authority":"shop.example","upstream_host":"10.0.0.7:80","upstream_cluster":"outbound|80||shop","upstream_local_address":"10.0.0.5:33","downstream_local_address":"10.0.0.6:80","downstream_remote_address":"10.0.0.8:44","requested_server_name":"-","route_name":"default"}`
}
