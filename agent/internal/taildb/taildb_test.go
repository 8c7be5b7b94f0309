package taildb

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// want holds XXH3_64bits of the first 1 to 32 bytes of 1, 8, 15, …, as the xxHash library computes it.
var want = [MarkSize]int64{
	-2220562881957146901, -2015702261052309724, 6666321793830475030, 2616370236846142754,
	8907763369785488808, 3806401878881148353, 138728306335439795, -7580517331561883735,
	5152637198995674261, -1563089409757915347, 3537379819966880620, -8576249687202180244,
	-949058223993793949, 807409663616474883, 3425568987058106551, -7981552096505747545,
	3167990320673986461, -1536244979594022249, -292299064125413318, -2360412585825854328,
	-3431306717795615917, 6816746766643988465, -3073841580356524687, -7044261727268673306,
	-1533843775021257442, 148806969900420084, -266242705918648955, -6276146153168120156,
	1218730622431801078, 6024764063918711966, -3179149446731702495, 6723939706187241158,
}

func TestHashIsFluentBits(t *testing.T) {
	var b [MarkSize]byte
	for i := range b {
		b[i] = byte(i*7 + 1)
		if got := Hash(b[:i+1]); got != want[i] {
			t.Errorf("%d bytes: got %d, want %d", i+1, got, want[i])
		}
	}
	if Hash(nil) != 0 {
		t.Error("no bytes have a hash")
	}
}

var modes = Options{Sync: "normal", Journal: "WAL"}

func open(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, modes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestRowsSurvive(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "a b?c#%41.db")
	db := open(t, path)
	a := Row{Name: "/a", Inode: 1<<64 - 1}
	b := Row{Name: "/b", Inode: 2, Offset: 5, Marker: -7, MarkerSize: 5}
	for _, r := range []*Row{&a, &b} {
		if err := db.Insert(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	a.Offset, a.Rotated = 10, true
	if err := db.Save(ctx, []*Row{&a}, []int64{b.ID}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(files) != 1 || files[0] != path {
		t.Errorf("files: %q", files)
	}
	db = open(t, path)
	all, err := db.Rows(ctx)
	if err != nil || len(all) != 1 || all[0] != a {
		t.Errorf("got %+v, %v, want %+v", all, err, a)
	}
	check := func(inode uint64, name string, want bool) {
		t.Helper()
		if r, found, err := db.Find(ctx, inode, name); err != nil || found != want || found && r != a {
			t.Errorf("inode %d, name %q: got %+v, %v, %v", inode, name, r, found, err)
		}
	}
	check(a.Inode, "", true)
	check(a.Inode, "/a", true)
	check(a.Inode, "/b", false)
	check(2, "", false)
}

func TestRowThatSomebodyRemovedIsAddedAgain(t *testing.T) {
	ctx := t.Context()
	db := open(t, filepath.Join(t.TempDir(), "x.db"))
	r := Row{ID: 77, Name: "/a", Inode: 3, Offset: 4}
	if err := db.Save(ctx, []*Row{&r}, nil); err != nil {
		t.Fatal(err)
	}
	if got, found, err := db.Find(ctx, 3, ""); err != nil || !found || got != r || r.ID == 77 {
		t.Errorf("got %+v, %v, %v; the row has %+v", got, found, err, r)
	}
}

func TestOlderTablesAreTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.Exec(`CREATE TABLE in_tail_files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, offset INTEGER, inode INTEGER, created INTEGER, rotated INTEGER DEFAULT 0);
		INSERT INTO in_tail_files (name, offset, inode, created) VALUES ('/a', 12, 34, 0)`)
	if err != nil {
		t.Fatal(err)
	}
	old.Close()
	r, found, err := open(t, path).Find(t.Context(), 34, "")
	if want := (Row{ID: 1, Name: "/a", Offset: 12, Inode: 34}); err != nil || !found || r != want {
		t.Errorf("got %+v, %v, %v", r, found, err)
	}
}

func TestUnusableDatabasesAreErrorsThatSayWhatToDo(t *testing.T) {
	check := func(path, want string) {
		t.Helper()
		o := modes
		o.Wait = time.Millisecond
		db, err := Open(context.Background(), path, o)
		if err == nil {
			db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want …%s", err, want)
		}
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	check(dir+"/none/x.db", "folder must exist")
	check(dir, "folder must exist")
	check(write("text.db", []byte(strings.Repeat("some text, and no database\n", 100))), "name another file")

	good := filepath.Join(dir, "good.db")
	db := open(t, good)
	for i := range 1000 {
		if err := db.Insert(t.Context(), &Row{Name: strings.Repeat("/a", 50), Inode: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	bytes, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	check(write("short.db", bytes[:len(bytes)/2]), "it is damaged")
	for i := len(bytes) / 2; i < len(bytes); i++ { // rows, and not the schema
		bytes[i] = 0x77
	}
	check(write("damaged.db", bytes), "it is damaged")

	other := filepath.Join(dir, "other.db")
	sq, err := sql.Open("sqlite", other)
	if err != nil {
		t.Fatal(err)
	}
	defer sq.Close()
	sq.SetMaxOpenConns(1)
	if _, err := sq.Exec("CREATE TABLE in_tail_files (id INTEGER PRIMARY KEY, path TEXT)"); err != nil {
		t.Fatal(err)
	}
	check(other, "not one of Fluent Bit's")
	if _, err := sq.Exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	check(other, "another program uses it")
}
