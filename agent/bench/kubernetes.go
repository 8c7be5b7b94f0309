package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
)

// kubeTag names the pod whose metadata writePod writes.
const kubeTag = "tag=kube.var.log.containers.web-1_shop_app-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log"

// kubernetes is the filter of that name, with more properties.
func kubernetes(more ...string) []string {
	args := []string{"-F", "kubernetes", "-m", "*", "-p", "kube_meta_preload_cache_dir=OUT", "-p", "kube_url=http://127.0.0.1:1"}
	for _, m := range more {
		args = append(args, "-p", m)
	}
	return args
}

// writePod writes what the API would say of the pod.
func writePod(dir string) error {
	const pod = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web-1","namespace":"shop","uid":"e9f2963f-55f2-11e9-84c5-02e422b8a84a",
"labels":{"app.kubernetes.io/name":"web","app.kubernetes.io/instance":"shop","pod-template-hash":"5d4f8c7b9","tier":"front"},
"annotations":{"prometheus.io/path":"/metrics","prometheus.io/port":"2020","prometheus.io/scrape":"true"}},
"spec":{"nodeName":"node-7.example.com"},
"status":{"podIP":"192.0.2.7","containerStatuses":[{"name":"app","containerID":"containerd://0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
"imageID":"registry.example/web@sha256:7ac0fd3569af866e9a6a22eb592744200d2dbe098cf066162453f8d0b06c531f","image":"registry.example/web:1.2.3"}]}}`
	return os.WriteFile(filepath.Join(dir, "shop_web-1.meta"), []byte(pod), 0o644)
}

// dockerLine is a line of a container's log as Docker writes it; what the container wrote is JSON.
func dockerLine(dst []byte, i int) []byte {
	inner, err := json.Marshal(string(jsonLine(nil, i)))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	dst = append(append(dst, `{"log":`...), inner...)
	at := bytes.Index(inner, []byte("2026-"))
	dst = append(append(dst, `,"stream":"stdout","time":"`...), inner[at:at+27]...)
	return append(dst, "\"}\n"...)
}
