// Package taildb is the database in which the input tail remembers how far it has read: SQLite, in the
// table in_tail_files of Fluent Bit's own input (plugins/in_tail/tail_sql.h), so that either program goes
// on where the other stopped.
//
//	id                  a row's number
//	name                path of the file when it was opened
//	offset              bytes that were delivered
//	inode               of the file; the device is not kept
//	created             when the row was made, in seconds since 1970; here the inode was no other file's since then
//	rotated             1 when the file has lost its name
//	offset_marker       [Hash] of the bytes before offset
//	offset_marker_size  how many bytes those are; 0 when they are not known
package taildb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Options are SQLite's modes, by SQLite's names.
type Options struct {
	Sync      string        // off, normal, full or extra
	Journal   string        // DELETE, TRUNCATE, PERSIST, MEMORY, WAL or OFF
	Exclusive bool          // no other program may use the database meanwhile
	Wait      time.Duration // for another program that writes; 0 for 5 seconds
}

// Row is what is known of a file.
type Row struct {
	ID         int64
	Name       string
	Offset     int64
	Inode      uint64
	Created    int64 // in seconds since 1970
	Rotated    bool
	Marker     int64
	MarkerSize int
}

// DB is an open database. Its methods may be called at the same time.
type DB struct{ sql *sql.DB }

const create = `CREATE TABLE IF NOT EXISTS in_tail_files (
	id INTEGER PRIMARY KEY, name TEXT NOT NULL, offset INTEGER, inode INTEGER, created INTEGER,
	rotated INTEGER DEFAULT 0, offset_marker INTEGER DEFAULT 0, offset_marker_size INTEGER DEFAULT 0)`

// Open opens or makes the database at path. The tables of older versions of Fluent Bit get the columns
// that they lack.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	conn, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	conn.SetMaxOpenConns(1) // pragmas belong to a connection
	db := &DB{conn}
	if err := db.prepare(ctx, o); err != nil {
		conn.Close()
		return nil, fmt.Errorf("open database %s: %w%s", path, err, cure(err))
	}
	return db, nil
}

// cure says what to do about err.
func cure(err error) string {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() & 0xff { // the rest says more about the place
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "; another program uses it: end that, or give each its own file"
	case sqlite3.SQLITE_NOTADB:
		return "; name another file, or move this one away"
	case sqlite3.SQLITE_CORRUPT:
		return "; " + errDamaged.Error()
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return "; its folder must exist, and both must be writable"
	case sqlite3.SQLITE_FULL:
		return "; make room on its disk"
	}
	return ""
}

var (
	errDamaged = errors.New("it is damaged: restore it, or move it away to begin without offsets")
	errForeign = errors.New("its table in_tail_files is not one of Fluent Bit's; name another file")
)

func (db *DB) prepare(ctx context.Context, o Options) error {
	wait := o.Wait
	if wait == 0 {
		wait = 5 * time.Second
	}
	locking := "NORMAL"
	if o.Exclusive {
		locking = "EXCLUSIVE"
	}
	for _, q := range []string{
		fmt.Sprintf("PRAGMA busy_timeout=%d", wait.Milliseconds()),
		"PRAGMA locking_mode=" + locking,
		"PRAGMA journal_mode=" + o.Journal,
		"PRAGMA synchronous=" + o.Sync,
		create,
	} {
		if _, err := db.sql.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	for _, column := range []string{"offset_marker", "offset_marker_size"} {
		_, err := db.sql.ExecContext(ctx, "ALTER TABLE in_tail_files ADD COLUMN "+column+" INTEGER DEFAULT 0")
		if err != nil && !strings.Contains(err.Error(), "duplicate column name") {
			return err
		}
	}
	var health string
	if err := db.sql.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&health); err != nil {
		return err
	}
	if health != "ok" {
		return fmt.Errorf("%w (%s)", errDamaged, health)
	}
	rows, err := db.sql.QueryContext(ctx, "SELECT "+columns+" FROM in_tail_files LIMIT 0")
	if err != nil {
		return fmt.Errorf("%w (%w)", errForeign, err)
	}
	return rows.Close()
}

// Close closes the database.
func (db *DB) Close() error { return db.sql.Close() }

const columns = `id, name, coalesce(offset,0), coalesce(inode,0), coalesce(created,0), coalesce(rotated,0), coalesce(offset_marker,0), coalesce(offset_marker_size,0)`

func (r *Row) scan(s interface{ Scan(...any) error }) error {
	var inode int64
	err := s.Scan(&r.ID, &r.Name, &r.Offset, &inode, &r.Created, &r.Rotated, &r.Marker, &r.MarkerSize)
	r.Inode = uint64(inode)
	return err
}

// Find returns the newest row of an inode. A row of another name counts unless name is given.
func (db *DB) Find(ctx context.Context, inode uint64, name string) (r Row, found bool, err error) {
	err = r.scan(db.sql.QueryRowContext(ctx,
		"SELECT "+columns+" FROM in_tail_files WHERE inode=? AND (?2='' OR name=?2) ORDER BY id DESC LIMIT 1", int64(inode), name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Row{}, false, nil
	case err != nil:
		return Row{}, false, fmt.Errorf("looking up inode %d: %w", inode, err)
	}
	return r, true, nil
}

// Rows returns all rows.
func (db *DB) Rows(ctx context.Context) ([]Row, error) {
	rs, err := db.sql.QueryContext(ctx, "SELECT "+columns+" FROM in_tail_files ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("reading the rows: %w", err)
	}
	defer rs.Close()
	var all []Row
	for rs.Next() {
		var r Row
		if err := r.scan(rs); err != nil {
			return nil, fmt.Errorf("reading the rows: %w", err)
		}
		all = append(all, r)
	}
	return all, rs.Err()
}

// Insert adds r and sets its ID.
func (db *DB) Insert(ctx context.Context, r *Row) error { return insert(ctx, db.sql, r) }

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func insert(ctx context.Context, x execer, r *Row) error {
	res, err := x.ExecContext(ctx,
		"INSERT INTO in_tail_files (name, offset, inode, created, rotated, offset_marker, offset_marker_size) VALUES (?,?,?,?,?,?,?)",
		r.Name, r.Offset, int64(r.Inode), r.Created, r.Rotated, r.Marker, r.MarkerSize)
	if err != nil {
		return fmt.Errorf("adding %s: %w", r.Name, err)
	}
	r.ID, err = res.LastInsertId()
	return err
}

// Save writes the offsets of rows, with their names, their markers and whether they are rotated, and removes
// others, in one transaction. A row that somebody else removed is added again and gets another ID.
func (db *DB) Save(ctx context.Context, rows []*Row, remove []int64) error {
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("saving offsets: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	for _, r := range rows {
		res, err := tx.ExecContext(ctx,
			"UPDATE in_tail_files SET name=?, offset=?, created=?, rotated=?, offset_marker=?, offset_marker_size=? WHERE id=?",
			r.Name, r.Offset, r.Created, r.Rotated, r.Marker, r.MarkerSize, r.ID)
		if err != nil {
			return fmt.Errorf("saving the offset of %s: %w", r.Name, err)
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			if err := insert(ctx, tx, r); err != nil {
				return err
			}
		}
	}
	for _, id := range remove {
		if _, err := tx.ExecContext(ctx, "DELETE FROM in_tail_files WHERE id=?", id); err != nil {
			return fmt.Errorf("removing row %d: %w", id, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("saving offsets: %w", err)
	}
	return nil
}
