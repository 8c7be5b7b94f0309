package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
	"github.com/fluent/fluent-bit-go/event"
)

const dlqUsage = `Usage: fluent-bit dlq COMMAND [-c FILE | -b PATH] [ID...]

Looks after the chunks that outputs gave up and storage.keep.rejected kept. The folder is the storage.path of
the configuration (-c) or PATH (-b). An ID may be cut short as long as it stays unique; "all" stands for every
dead letter.

  list             what there is, the oldest first
  show ID...       the records, as lines of JSON
  replay ID...     deliver them again, to the output that gave them up; an agent that runs does it within a
                   flush, otherwise the next one. --to OUTPUT names another output, --to '*' all that match
  drop ID...       delete them
`

// deadLetters is the subcommand dlq.
type deadLetters struct {
	root, dir string
	to        string
	all       []storage.Letter
	out       io.Writer
	json      event.JSONStyle
}

// dlq runs the subcommand.
func dlq(args []string, stdout, stderr io.Writer) int {
	d := deadLetters{out: stdout}
	var c commandLine
	opts := append(flags(), flag{0, []string{"to"}, "OUTPUT", "", func(_ *commandLine, g given) error { d.to = g.arg; return nil }})
	words, err := getopt(opts, args, func(g given) (bool, error) {
		err := g.flag.apply(&c, g)
		return c.Show == showNothing, err
	})
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	if c.Show != showNothing || len(words) == 0 {
		fmt.Fprint(stdout, dlqUsage)
		return exitOK
	}
	if c.WorkDir != "" {
		if err := os.Chdir(c.WorkDir); err != nil {
			return fail(stderr, fmt.Errorf("command line: -w: %w", err), exitUsage)
		}
	}
	a, err := load(c)
	if err == nil {
		err = d.run(a, words[0], words[1:])
	}
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	return exitOK
}

func (d *deadLetters) run(a *agent, verb string, ids []string) (err error) {
	st := a.service.Storage
	if st.Path == "" {
		return errors.New("command line: dlq: there is no storage.path; name the configuration with -c or the folder with -b")
	}
	if _, err := os.Stat(st.Path); err != nil {
		return fmt.Errorf("command line: dlq: %w; give the agent's storage.path", err)
	}
	d.root, d.dir = st.Path, filepath.Join(st.Path, st.RejectedPath)
	d.json = event.JSONStyle{RawUTF8: !a.service.JSONEscapeUnicode, NaNAsNull: a.service.JSONConvertNaNToNull}
	if d.all, err = storage.Letters(d.dir); err != nil {
		return err
	}
	do := map[string]func(storage.Letter) error{"show": d.show, "replay": d.replay, "drop": d.drop}[verb]
	if verb == "list" {
		return d.list()
	}
	if do == nil {
		return fmt.Errorf("command line: dlq: '%s' is none of list, show, replay and drop", verb)
	}
	chosen, err := d.choose(ids)
	for _, l := range chosen {
		err = errors.Join(err, do(l)) // one that is damaged keeps no other from its way
	}
	return err
}

// choose finds the letters that the words mean.
func (d *deadLetters) choose(words []string) ([]storage.Letter, error) {
	if len(words) == 0 {
		return nil, errors.New("command line: dlq: which ones? Name their IDs, or all")
	}
	if len(words) == 1 && words[0] == "all" {
		return d.all, nil
	}
	var chosen []storage.Letter
	for _, w := range words {
		var fits []storage.Letter
		for _, l := range d.all {
			if l.ID == w {
				fits = []storage.Letter{l}
				break
			}
			if strings.HasPrefix(l.ID, w) {
				fits = append(fits, l)
			}
		}
		if len(fits) != 1 {
			return nil, fmt.Errorf("command line: dlq: %d dead letters have IDs that begin with '%s'", len(fits), w)
		}
		chosen = append(chosen, fits[0])
	}
	return chosen, nil
}

func (d *deadLetters) list() error {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	if len(d.all) > 0 {
		fmt.Fprintln(w, "ID\tTIME\tREASON\tOUTPUT\tTAG\tRECORDS\tBYTES\tERROR")
	}
	for _, l := range d.all {
		message, _, _ := strings.Cut(l.Error, "\n")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", l.ID, l.Time.Local().Format(time.DateTime), l.Reason, l.Output, l.Tag, l.Records, l.Bytes, message)
	}
	return w.Flush()
}

func (d *deadLetters) show(l storage.Letter) error {
	c, damage, err := storage.OpenLetter(d.dir, l.ID)
	if err != nil {
		return err
	}
	for r := range c.Records() {
		t := r.Time()
		line := fmt.Appendf(nil, `{"tag":%s,"time":%d.%09d,"record":`, event.AppendJSONString(nil, l.Tag, d.json), t.Sec, t.Nsec)
		line = append(event.AppendJSON(line, r.Body(), d.json), "}\n"...)
		if _, err := d.out.Write(line); err != nil {
			return err
		}
	}
	return damage
}

func (d *deadLetters) replay(l storage.Letter) error {
	if err := storage.Replay(d.root, d.dir, l, d.to); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.out, "%s is on its way again (%d records)\n", l.ID, l.Records)
	return err
}

func (d *deadLetters) drop(l storage.Letter) error {
	if err := storage.Discard(d.dir, l.ID); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.out, "%s was deleted (%d records)\n", l.ID, l.Records)
	return err
}
