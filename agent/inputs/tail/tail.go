// Package tail is the input tail: the lines of text files, also of files that come, grow and are rotated
// while it runs.
//
// A record is {key: line}, with path_key {path_key: path, key: line}, and so on; with a parser it is what
// the parser makes of the line, and the path and the offset follow. A line that the parser does not take
// is kept as text.
//
// Two goroutines share the work. The watcher finds files, learns from inotify or from their sizes that
// they grew, and keeps the database of offsets. The reader takes the files that have something to read in
// turns. So files are still found and held open while the pipeline makes the reader wait, and a rotation
// loses nothing then.
//
// A file is known by device and inode, not by its name. One that was renamed or deleted stays open until
// it was read to its end and nothing came for rotate_wait.
package tail

import (
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input tail.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "tail",
	Summary: "The lines of files, which may grow, come and be rotated",
	Kinds:   event.Logs,
	Retags:  true, // a tag may hold the path
	Rereads: true,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

// syncMode is a value of db.sync, journalMode one of db.journal_mode.
type syncMode string
type journalMode string

type config struct {
	path, exclude                  []string
	key, pathKey, offsetKey        string
	readFromHead, newFromHead      bool
	refresh, watch, progress       time.Duration
	progressNsec                   int
	rotateWait, ignoreOlder        time.Duration
	ignoreActive                   bool
	chunkSize, maxSize             int64
	staticBatch, eventBatch        int64
	skipLong, truncateLong         bool
	skipEmpty, exitOnEOF           bool
	cacheAdvise, inotify           bool
	parser, tagRegex               string
	db                             string
	dbSync                         syncMode
	dbJournal                      journalMode
	dbLocking, dbCompare           bool
	dockerMode                     bool
	dockerFlush                    int
	dockerParser                   string
	multiline                      bool
	multilineFlush                 time.Duration
	firstline                      string
	moreParsers                    []option.Property
	multilineParsers               []string
	unicodeEncoding, genericEncode string
}

func (c *config) Options() []option.Option {
	return append(append(c.fileOptions(), c.lineOptions()...), append(c.databaseOptions(), c.joinOptions()...)...)
}

func (c *config) fileOptions() []option.Option {
	above := option.Above(option.ParseDuration, 0)
	return []option.Option{
		option.CSV("path", &c.path).Required().
			Help("Paths of the files, with *, ? and [...] for many; several are separated by commas."),
		option.CSV("exclude_path", &c.exclude).
			Help("Patterns of paths to leave out, separated by commas; a * also stands for slashes."),
		option.Switch("read_from_head", &c.readFromHead).Default("false").
			Help("Reads files that are there at the start from their beginning instead of their end, unless the database knows better."),
		option.Switch("read_newly_discovered_files_from_head", &c.newFromHead).Default("true").
			Help("Reads files that appear later from their beginning. Otherwise they are looked for every refresh_interval, and read from the end that they have then."),
		option.Var("refresh_interval", "string", &c.refresh, above).Default("60").
			Help("How often to look for new files everywhere. With inotify new files are noticed at once, without it every watcher_interval."),
		option.Var("watcher_interval", "time", &c.watch, option.AtLeast(option.ParseDuration, 0)).Default("2s").
			Help("How often to look whether files were rotated or truncated, and without inotify for new ones; 0 counts as 2s."),
		option.Var("progress_check_interval", "time", &c.progress, option.AtLeast(option.ParseDuration, 0)).Default("2s").
			Help("How often to look for growth that inotify did not report."),
		option.Int("progress_check_interval_nsec", &c.progressNsec).Default("0").
			Help("Nanoseconds that are added to progress_check_interval."),
		option.Var("rotate_wait", "time", &c.rotateWait, above).Default("5").
			Help("How long a rotated file is kept open after all of it was read, in case its writer goes on."),
		option.Duration("ignore_older", &c.ignoreOlder).Default("0").
			Help("Leaves out files that were not modified for so long, and with multiline or docker_mode records of an older time; 0 leaves out none."),
		option.Switch("ignore_active_older_files", &c.ignoreActive).Default("false").
			Help("Also lets go of files that were not modified for ignore_older while they were followed, until they change."),
		option.Switch("inotify_watcher", &c.inotify).Default("true").
			Help("Has the kernel report changes. Otherwise the files are looked at four times a second."),
		option.Switch("file_cache_advise", &c.cacheAdvise).Default("true").
			Help("Tells the kernel to forget the cached pages of what was read."),
		option.Switch("exit_on_eof", &c.exitOnEOF).Default("false").
			Help("Stops the agent once all files were read to their ends; without any it waits for the first one."),
		option.Size("static_batch_size", &c.staticBatch).Default("50M").
			Help("How much of a file is read at most, while it is first read through, before it is the next file's turn."),
		option.Size("event_batch_size", &c.eventBatch).Default("50M").
			Help("The same for a file that had been read through and has grown."),
	}
}

func (c *config) lineOptions() []option.Option {
	return []option.Option{
		option.String("key", &c.key).Default("log").
			Help("Key of the line in records that no parser made."),
		option.String("path_key", &c.pathKey).
			Help("Adds the path of the file under this key."),
		option.String("offset_key", &c.offsetKey).
			Help("Adds under this key where in the file the line begins, in bytes."),
		option.String("parser", &c.parser).
			Help("Name of the parser that makes records of the lines. Lines that it does not take are kept as text."),
		option.String("tag_regex", &c.tagRegex).
			Help("Regular expression for the path; its named groups stand for <name> in the tag."),
		option.Size("buffer_chunk_size", &c.chunkSize).Default("32768").
			Help("The least that buffer_max_size can be; what is read at once is chosen by the agent."),
		option.Size("buffer_max_size", &c.maxSize).Default("32768").
			Help("The longest line in bytes, its end included, is one less. A longer one makes the file be given up unless long lines are skipped or truncated."),
		option.Switch("skip_long_lines", &c.skipLong).Default("false").
			Help("Leaves lines out that are too long, instead of giving up their file."),
		option.Switch("truncate_long_lines", &c.truncateLong).Default("false").
			Help("Cuts lines that are too long, between two characters."),
		option.Switch("skip_empty_lines", &c.skipEmpty).Default("false").
			Help("Leaves empty lines out."),
		option.String("unicode.encoding", &c.unicodeEncoding).
			Help("Encoding of the files: UTF-16LE, UTF-16BE, or auto to tell by their first bytes. A byte order mark counts for more."),
		option.String("generic.encoding", &c.genericEncode).
			Help("Encoding of the files: a code page such as ShiftJIS, UHC, GBK, GB18030, Big5, Win866 or Win1252."),
	}
}

func (c *config) databaseOptions() []option.Option {
	return []option.Option{
		option.String("db", &c.db).
			Help("SQLite file that remembers how far each file was delivered. Fluent Bit's own databases are taken over."),
		option.Enum("db.sync", &c.dbSync, "normal", "full", "extra", "off").Default("normal").
			Help("SQLite's synchronous mode: how surely an offset is on the disk."),
		option.Switch("db.locking", &c.dbLocking).Default("false").
			Help("Locks the database against other programs."),
		option.Enum("db.journal_mode", &c.dbJournal, "WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF").Default("WAL").
			Help("SQLite's journal mode."),
		option.Switch("db.compare_filename", &c.dbCompare).Default("false").
			Help("Takes an offset only when the file has the name that it had, instead of by its inode alone."),
	}
}

func (c *config) joinOptions() []option.Option {
	return []option.Option{
		option.CSVs("multiline.parser", &c.multilineParsers).
			Help("Names of the multiline parsers that join lines; the first that takes a line has it."),
		option.Switch("multiline", &c.multiline).Default("false").
			Help("Joins lines the old way, with parser_firstline."),
		option.Duration("multiline_flush", &c.multilineFlush).Default("4").
			Help("How long the old way waits for more lines."),
		option.String("parser_firstline", &c.firstline).
			Help("Name of the parser that knows the first of several lines."),
		option.Rest("parser_", &c.moreParsers).
			Help("parser_1, parser_2, …: names of parsers for the lines that follow."),
		option.Switch("docker_mode", &c.dockerMode).Default("false").
			Help("Joins the JSON lines into which Docker splits long ones, the old way."),
		option.Int("docker_mode_flush", &c.dockerFlush).Default("4").
			Help("How many seconds docker_mode waits for more lines."),
		option.String("docker_mode_parser", &c.dockerParser).
			Help("Name of the parser that knows the first of several lines in docker_mode."),
	}
}
