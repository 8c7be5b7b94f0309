package syslog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

const defaultPort = 514

type mode string

const (
	udp  mode = "udp"
	tcp  mode = "tcp"
	tls  mode = "tls"
	dtls mode = "dtls"
)

type standard string

const (
	rfc5424 standard = "rfc5424"
	rfc3164 standard = "rfc3164"
)

// field is a part of a message: the key that holds it, and what stands there when a record lacks that.
type field struct{ key, preset string }

type config struct {
	where    upstream.Settings
	mode     mode
	standard standard
	maxSize  int64

	severityKey, facilityKey string
	severity, facility       int
	host, app, proc, id      field
	sdKeys                   []string
	messageKey               string
	longNames                bool
}

func (c *config) Options() []option.Option {
	opts := append(c.where.Options(),
		option.Enum("mode", &c.mode, udp, tcp, tls, dtls).Default("udp").Help("How messages are sent. dtls is not in this build."),
		option.Enum("syslog_format", &c.standard, rfc5424, rfc3164).Default("rfc5424").Help("The form of messages."),
		option.Size("syslog_maxsize", &c.maxSize).Default("0").Help("How long a message may be; longer ones are cut. 0 for 2048 bytes with rfc5424 and 1024 with rfc3164."),
		option.String("syslog_severity_key", &c.severityKey).Help("The key of a record that holds the severity, 0 to 7 or a name."),
		option.Var("syslog_severity_preset", "integer", &c.severity, option.Between(option.ParseInt, 0, 7)).Default("6").Help("Severity of records without one."),
		option.String("syslog_facility_key", &c.facilityKey).Help("The key that holds the facility, 0 to 23 or a name."),
		option.Var("syslog_facility_preset", "integer", &c.facility, option.Between(option.ParseInt, 0, 23)).Default("1").Help("Facility of records without one."),
	)
	for _, f := range []struct {
		name, what string
		p          *field
	}{{"hostname", "host", &c.host}, {"appname", "program", &c.app}, {"procid", "process", &c.proc}, {"msgid", "kind of message", &c.id}} {
		opts = append(opts,
			option.String("syslog_"+f.name+"_key", &f.p.key).Help("The key that holds the name of the "+f.what+"."),
			option.String("syslog_"+f.name+"_preset", &f.p.preset).Help("Name of the "+f.what+" of records without one."))
	}
	return append(opts,
		option.Strings("syslog_sd_key", &c.sdKeys).Help("A key that holds a map: it becomes structured data (rfc5424)."),
		option.String("syslog_message_key", &c.messageKey).Help("The key that holds the message. One that begins with < is sent as it is, as a message that is complete already."),
		option.Switch("allow_longer_sd_id", &c.longNames).Default("false").Help("Do not cut names within structured data to the 32 characters that the standard allows."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	v, _ := option.Lookup(env.Properties, "mode")
	switch {
	case c.mode == dtls:
		return nil, &option.Error{Pos: v.Pos, Msg: "mode: dtls is not in this build yet", Cure: "use tls"}
	case c.mode == udp && c.where.TLS.On:
		return nil, &option.Error{Pos: v.Pos, Msg: "mode udp does not speak TLS", Cure: "set mode tls"}
	case c.mode == tls:
		c.where.TLS.On = true
	}
	switch {
	case c.maxSize < 0 || c.maxSize > 1<<30:
		return nil, errors.New("syslog_maxsize is out of range; give 1 to 1G")
	case c.maxSize == 0 && c.standard == rfc3164:
		c.maxSize = 1024
	case c.maxSize == 0:
		c.maxSize = 2048
	}
	up, err := c.where.Sender(env, defaultPort)
	return &output{config: *c, Sender: up}, err
}

var severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// level reads a severity or facility: a number or one of names.
func level(text string, names []string) (int, error) {
	i := slices.IndexFunc(names, func(n string) bool { return n != "" && strings.EqualFold(n, text) })
	if i >= 0 {
		return i, nil
	}
	n, err := option.ParseInt(text)
	if err != nil || n < 0 || n > len(names)-1 {
		return 0, fmt.Errorf("'%.20s' is neither 0 to %d nor a name that is known", text, len(names)-1)
	}
	return n, nil
}
