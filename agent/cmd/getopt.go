package cmd

import (
	"fmt"
	"strings"
)

// flag is one option of the command line as getopt_long(3) knows them: a letter, long names, or both.
type flag struct {
	letter byte     // 0 for none
	names  []string // without dashes
	arg    string   // what the argument is called in the help; "" for an option without one
	help   string
	apply  func(*commandLine, given) error
}

// given is an option as it stood on the command line.
type given struct {
	flag *flag
	as   string // "-f" or "--flush", for messages
	arg  string
}

// unknownOption makes the program show its help and fail, as it always did.
type unknownOption struct{ as, why string }

func (e unknownOption) Error() string { return "command line: " + e.why + " option '" + e.as + "'" }

// getopt calls do for every option of args, from left to right, and returns what is no option. It takes what
// GNU getopt_long takes: letters in one word (-vq), an argument in the same word (-f5, --flush=5) or in the
// next, long names cut short as far as they stay unique, and -- before words that only look like options.
// do ends the loop by returning false.
func getopt(flags []flag, args []string, do func(given) (more bool, err error)) (rest []string, err error) {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		switch {
		case word == "--":
			return append(rest, args...), nil
		case len(word) < 2 || word[0] != '-':
			rest = append(rest, word)
			continue
		}
		var more bool
		if strings.HasPrefix(word, "--") {
			more, args, err = long(flags, word, args, do)
		} else {
			more, args, err = letters(flags, word, args, do)
		}
		if err != nil || !more {
			return rest, err
		}
	}
	return rest, nil
}

func long(flags []flag, word string, args []string, do func(given) (bool, error)) (bool, []string, error) {
	name, arg, joined := strings.Cut(word[2:], "=")
	as := "--" + name
	f, err := named(flags, name)
	if err != nil {
		return false, args, err
	}
	switch {
	case f.arg == "" && joined:
		return false, args, fmt.Errorf("command line: option '%s' takes no argument", as)
	case f.arg != "" && !joined:
		if len(args) == 0 {
			return false, args, missingArgument(f, as)
		}
		arg, args = args[0], args[1:]
	}
	more, err := do(given{f, as, arg})
	return more, args, err
}

func letters(flags []flag, word string, args []string, do func(given) (bool, error)) (bool, []string, error) {
	for i := 1; i < len(word); i++ {
		as := "-" + word[i:i+1]
		f := lettered(flags, word[i])
		if f == nil {
			return false, args, unknownOption{as, "unknown"}
		}
		if f.arg == "" {
			if more, err := do(given{f, as, ""}); err != nil || !more {
				return false, args, err
			}
			continue
		}
		arg := word[i+1:]
		if arg == "" {
			if len(args) == 0 {
				return false, args, missingArgument(f, as)
			}
			arg, args = args[0], args[1:]
		}
		more, err := do(given{f, as, arg})
		return more, args, err
	}
	return true, args, nil
}

func missingArgument(f *flag, as string) error {
	return fmt.Errorf("command line: option '%s' needs an argument: %s %s", as, as, f.arg)
}

func lettered(flags []flag, letter byte) *flag {
	for i := range flags {
		if letter != 0 && flags[i].letter == letter {
			return &flags[i]
		}
	}
	return nil
}

func named(flags []flag, name string) (*flag, error) {
	var found *flag
	for i := range flags {
		for _, n := range flags[i].names {
			if n == name {
				return &flags[i], nil
			}
			if !strings.HasPrefix(n, name) || name == "" {
				continue
			}
			if found != nil && found != &flags[i] {
				return nil, unknownOption{"--" + name, "ambiguous"}
			}
			found = &flags[i]
		}
	}
	if found == nil {
		return nil, unknownOption{"--" + name, "unknown"}
	}
	return found, nil
}
