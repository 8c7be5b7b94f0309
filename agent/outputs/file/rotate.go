package file

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// setAside renames a file to name.YYYYMMDD_HHMMSS, compresses it and removes the oldest ones. What fails
// is logged; records go on into the file as it is then.
func (o *output) setAside(path string) {
	aside, err := freeName(path + "." + o.now().UTC().Format("20060102_150405"))
	if err == nil {
		err = os.Rename(path, aside)
	}
	if err != nil {
		o.log.Error("file could not be set aside and grows on", "file", path, "error", err)
		return
	}
	if o.rotateGzip {
		if err := compress(aside); err != nil {
			o.log.Warn("file was set aside but not compressed", "file", aside, "error", err)
		}
	}
	if err := removeOldest(path, o.rotateFiles); err != nil {
		o.log.Warn("old files could not be removed", "file", path, "error", err)
	}
}

// freeName adds a number to a name that is taken.
func freeName(name string) (string, error) {
	free := func(s string) bool {
		_, err := os.Lstat(s)
		_, zipped := os.Lstat(s + ".gz")
		return os.IsNotExist(err) && os.IsNotExist(zipped)
	}
	if free(name) {
		return name, nil
	}
	for i := 1; i < 1000; i++ {
		if s := fmt.Sprintf("%s_%03d", name, i); free(s) {
			return s, nil
		}
	}
	return "", fmt.Errorf("a thousand files are called %s", name)
}

// compress replaces a file by name.gz. The original goes only when the copy is whole.
func compress(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	part := name + ".gz.part"
	if err := writeGzip(part, in); err != nil {
		os.Remove(part)
		return err
	}
	if err := os.Rename(part, name+".gz"); err != nil {
		os.Remove(part)
		return err
	}
	return os.Remove(name)
}

func writeGzip(name string, in io.Reader) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer out.Close()
	zip := gzip.NewWriter(out)
	if _, err := io.Copy(zip, in); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	return out.Close()
}

var asideSuffix = regexp.MustCompile(`^\.\d{8}_\d{6}(_\d{3})?(\.gz|\.gz\.part)?$`)

// removeOldest keeps the newest of the files that were set aside for path.
func removeOldest(path string, keep int) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		suffix, ok := strings.CutPrefix(e.Name(), filepath.Base(path))
		if !ok || !asideSuffix.MatchString(suffix) || !e.Type().IsRegular() {
			continue
		}
		if strings.HasSuffix(suffix, ".part") { // left by an agent that was killed
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
			continue
		}
		names = append(names, e.Name())
	}
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, ".gz"), strings.TrimSuffix(b, ".gz"))
	})
	for len(names) > keep {
		if err := os.Remove(filepath.Join(filepath.Dir(path), names[0])); err != nil {
			return err
		}
		names = names[1:]
	}
	return nil
}
