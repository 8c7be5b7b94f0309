package option_test

import (
	"fmt"
	"os"
	"time"

	"github.com/fluent/fluent-bit-go/option"
)

// A plugin declares its settings once; decoding, errors and help come from that.
func Example() {
	var (
		path    string
		refresh time.Duration
	)
	opts := []option.Option{
		option.String("path", &path).Required().Help("File to read."),
		option.Duration("refresh_interval", &refresh).Default("60").Help("How often to look for new files."),
	}
	at := option.Pos{File: "main.conf", Line: 4, Col: 5}
	props := []option.Property{{Key: "refresh_intervall", Value: option.Value{Text: "5s"}, Pos: at}}
	fmt.Println(option.Decode(opts, props, option.Pos{File: "main.conf", Line: 3}))
	fmt.Println(refresh)
	option.WriteHelp(os.Stdout, opts)
	// Output:
	// main.conf:4:5: unknown configuration property 'refresh_intervall'; did you mean 'refresh_interval'?
	// main.conf:3: the property 'path' is missing; set it: File to read.
	// 1m0s
	// path                File to read.
	//                     > type: string, required
	// refresh_interval    How often to look for new files.
	//                     > default: 60, type: time
}
