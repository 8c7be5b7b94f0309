package regex

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// shown renders a match: each group by name or number with what it took.
func shown(re *Regexp, text string) string {
	loc := re.Find(nil, []byte(text))
	if len(loc) == 0 {
		return "-"
	}
	var out []string
	for i, name := range re.Names() {
		s := "~"
		if loc[2*i] >= 0 {
			s = text[loc[2*i]:loc[2*i+1]]
		}
		if name != "" {
			s = name + "=" + s
		}
		out = append(out, s)
	}
	return strings.Join(out, "|")
}

func TestPatternsMeanWhatRubySays(t *testing.T) {
	f := func(pattern, text, want string) {
		t.Helper()
		re, err := Compile(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			return
		}
		if got := shown(re, text); got != want {
			t.Errorf("%s on %q: got %s, want %s", pattern, text, got, want)
		}
		if re.Match([]byte(text)) != (want != "-") {
			t.Errorf("%s on %q: Match and Find differ", pattern, text)
		}
	}
	// lines
	f(`^b`, "a\nb", "b")
	f(`a$`, "a\nb", "a")
	f(`\Ab`, "a\nb", "-")
	f(`a\z`, "a\n", "-")
	f(`a\Z`, "a\n", "a")
	f(`^$`, "a\n", "-")
	f(`^x*$`, "a\n", "-")
	f(`^x*$`, "a\n\n", "")
	f(`(?:a|^)c*$`, "b\n", "-")
	f(`a.c`, "a\nc", "-")
	f(`/a.c/m`, "a\nc", "a\nc")
	f(`(?m:a.)c`, "a\nc", "a\nc")
	// options and slashes
	f(`/AbC/i`, "xaBc", "aBc")
	f(`/a b # why
	  c/x`, "abc", "abc")
	f(`/var/log`, "/var/log/x", "/var/log")
	f(`/a/b/`, "a/b", "a/b")
	f(`a(?i)b|c`, "aC", "aC")
	f(`a(?i:b)c`, "aBc", "aBc")
	f(`(?i)[^a]`, "A", "-")
	f(`(?-i)a`, "A", "-")
	// groups
	f(`(?<x>a)(b)`, "ab", "ab|x=a")
	f(`(a)(b)?`, "a", "a|a|~")
	f(`(?<x>a)|(?<x>b)`, "b", "b|x=~|x=b")
	f(`(?'x'a)`, "a", "a|x=a")
	f(`(?#note)a`, "a", "a")
	f(`(?<a>\d+)(?:-(?<b>\d+))?`, "10-20", "10-20|a=10|b=20")
	// classes
	f(`\h+`, "xyfe09G", "fe09")
	f(`\H+`, "fe-G", "-G")
	f(`\d+`, "٣4", "4")
	f(`\w+`, "é_a1", "_a1")
	f(`[[:alpha:]]+`, "1éa2", "éa")
	f(`[^[:space:]]+`, " ab ", "ab")
	f(`[a-z&&[^aeiou]]+`, "aeixyz", "xyz")
	f(`[]a]+`, "x]a", "]a")
	f(`[a\]\-b]+`, "x-]b", "-]b")
	f(`[\d-]+`, "a1-2", "1-2")
	f(`\p{Alpha}+`, "1ab", "ab")
	f(`\p{^Alpha}+`, "a12b", "12")
	f(`\p{Punct}+`, "=$-!", "-!")
	f(`[[:punct:]]+`, "=$-!", "=$-!")
	f(`\p{Hiragana}`, "aひ", "ひ")
	f(`\x41\x{42}\u0043\103`, "ABCC", "ABCC")
	f(`\xe3\x81\xb2`, "ひ", "ひ")
	f(`\s`, "\v", "\v")
	// repetitions
	f(`a{2}`, "aaa", "aa")
	f(`a{,2}`, "aaa", "aa")
	f(`a{2,}?`, "aaa", "aa")
	f(`a{x}`, "a{x}", "a{x}")
	f(`a{2}?b`, "aab", "aab")
	f(`a+?`, "aa", "a")
	f(`a++a`, "aaa", "-")
	f(`"[^"]*+"`, `x"ab"`, `"ab"`)
	f(`(?>a|ab)c`, "abc", "-")
	f(`(?>[^ ]+) b`, "aa b", "aa b")
	f(`.*+x`, "aax", "-")
	f(`a{2000}`, strings.Repeat("a", 2001), strings.Repeat("a", 2000))
	// look-around, references
	f(`a(?=b)`, "acab", "a")
	f(`a(?!b).`, "abac", "ac")
	f(`(?<=é)b`, "béb", "b")
	f(`(?<!a)b`, "abb", "b")
	f(`(?<q>['"]).*?\k<q>`, `x"it's"`, `"it's"|q="`)
	f(`(a)\1`, "aa", "aa|a")
	f(`\bfoo\b`, "a foo b", "foo")
	f(`\bé\b`, "a é", "é")
	f(`\Bb`, "ab", "b")
	f(`a\Rb`, "a\r\nb", "a\r\nb")
	// calls and conditions
	f(`(?<o>\d+)\.\g<o>`, "1.22", "1.22|o=1|o=22")
	f(`(?<o>\d){0}(?<p>\g<o>-\g'o')`, "1-2", "1-2|o=~|p=1-2|o=1|o=2")
	f(`(?i)(?<w>[a-z]+)(?-i)-\g<w>`, "AB-cD", "AB-cD|w=AB|w=cD")
	f(`(?<a>(?<b>x)y)\g<a>`, "xyxy", "xyxy|a=xy|b=x|a=xy|b=x")
	f(`(a|b)\g<1>`, "ab", "ab|a|b")
	f(`(?<q>")?(?<v>\w+)(?(<q>)"|;)`, `"abc"`, `"abc"|q="|v=abc`)
	f(`(?<q>")?(?<v>\w+)(?(<q>)"|;)`, `"abc;`, `abc;|q=~|v=abc`)
	f(`(x)?(?('1')y)z`, "xyz", "xyz|x")
	// how far shorthands reach
	f(`(?u)\w+`, "-é_1", "é_1")
	f(`(?u)\d+\s`, "٣4\u2003", "٣4\u2003")
	f(`(?u:\w+)\w*`, "éaé", "éaé")
	f(`(?a)[[:alpha:]]+`, "éx", "x")
	f(`(?a)[[:^alpha:]]+`, "xéé1x", "éé1")
	f(`(?a)\bx`, "éx", "x")
	f(`(?a)\Bx`, "éx", "-")
	f(`(?a)\p{Alpha}+`, "éx", "éx")
	f(`(?d)\w+`, "éx", "x")
	f(`^(?<k>[^ ]+) (?<v>.*)$`, "né ü\xff!", "né ü\xff!|k=né|v=ü\xff!")
	f(`(?<=x)(?<v>.*)$`, "né xü\xff!", "ü\xff!|v=ü\xff!")
}

func TestFaultyPatternsAreExplained(t *testing.T) {
	f := func(pattern, want string) {
		t.Helper()
		_, err := Compile(pattern)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", pattern, err, want)
		}
	}
	f(`a(b`, "a '(' has no ')' at character 4")
	f(`a)b`, "')' without a '(' at character 2")
	f(`[a-`, "a '[' has no ']'")
	f(`[z-a]`, "the range z-a is empty")
	f(`*a`, "'*' repeats nothing at character 1")
	f(`a\`, "the pattern ends too early")
	f(`(?P<x>a)`, "write (?<name>…)")
	f(`\p{Nope}`, "unknown property 'Nope'")
	f(`(?<1a>x)`, "is no group name")
	f(`\k<x>`, "no group 'x'")
	f(`a{5,2}`, "ends before it begins")
	f(`(?<x>a)\1`, `\k<name>`)
	f(strings.Repeat("(", 500), "nest deeper")
	f("[]", "empty")
	f("a\xffb", "not UTF-8")
	f(`\g<x>`, "no group 'x' before this place")
	f(`(?<x>a\g<x>)`, "would call itself, which is not supported: write out as many levels as there may be at character 9")
	f(`(?<x>a)(?<x>b)\g<x>`, "several groups 'x'")
	f(`(?<a>.)`+strings.Repeat(`(?<n>\g<a>)`, 5)+`(?<b>\g<a>{9}`+strings.Repeat(`\g<a>`, 5000)+`)\g<b>`, "too large")
	f(`(?(<x>)a|b)`, "no group 'x' before this place")
	f(`(a)(?(1)a|b|c)`, "has no ')'")
	f(`(?-u)a`, "cannot be switched off")
}

func TestPrefixMatchBeginsWithTheText(t *testing.T) {
	f := func(pattern, tag string, want bool) {
		t.Helper()
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := re.MatchPrefix([]byte(tag)); got != want {
			t.Errorf("%s on %s: %v", pattern, tag, got)
		}
	}
	f(`b`, "a.b", false)
	f(`^a`, "a.b", true)
	f(`a`, "a.b", true)
	f(`x*`, "a.b", false)
	f(`.*`, "a.b", true)
	f(`(?=a)`, "a.b", false)
	f(`^[bc]\.`, "b.x", true)
}

func TestCatastrophicPatternsEndByTheLimit(t *testing.T) {
	re, err := Compile(`^(?!(a+)+$)(x|aa)`)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(strings.Repeat("a", 60) + "!")
	begin := time.Now()
	for range strictAfter + 3 {
		if re.Match(text) {
			t.Fatal("matches")
		}
	}
	if n := re.Timeouts(); n != strictAfter+3 {
		t.Errorf("%d time-outs counted, want %d", n, strictAfter+3)
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
}

var corpus = []string{
	"", "a", "ab", "\n", "a\n", "a\nb", "abc def", "key=value other=\"quoted text\"", "2024-01-02 10:20:30.123 INFO [main] hello",
	"né ü", "\xff\xfe", "a\xffb", "aaa bbb\nccc ddd", "[x] \"y\" z", "stdout F message", "10.0.0.1 - - [t] \"GET / HTTP/1.1\" 200 5",
	"\r\n", "_-_", "ひらがな kana", strings.Repeat("ab ", 40),
}

// engines compiles a pattern for each engine that can run it.
func engines(t *testing.T, pattern string) map[string]*Regexp {
	t.Helper()
	re, err := Compile(pattern)
	if err != nil {
		return nil
	}
	body, fl := options(pattern)
	root, names, err := parse(body, fl)
	if err != nil {
		t.Fatal(err)
	}
	e := emitter{back: true}
	e.emit(root)
	back, err := newBacktracker(e.String(), len(names))
	if err != nil {
		t.Fatalf("%s as %s: %v", pattern, e.String(), err)
	}
	out := map[string]*Regexp{"chosen": re, "back": {src: pattern, names: names, back: back}}
	if re.seq != nil {
		out["std"] = &Regexp{src: pattern, names: names, std: re.std, lastLine: re.lastLine}
	}
	return out
}

func agree(t *testing.T, pattern, text string) {
	t.Helper()
	es := engines(t, pattern)
	if es == nil {
		return
	}
	want, got := shown(es["back"], text), shown(es["chosen"], text)
	if es["back"].Timeouts() == 0 && es["chosen"].Timeouts() == 0 && want != got {
		t.Errorf("%s on %q: the chosen engine says %s, the backtracking one %s", pattern, text, got, want)
	}
	if std := es["std"]; std != nil {
		if want := shown(std, text); got != want {
			t.Errorf("%s on %q: the sequence says %s, package regexp %s", pattern, text, got, want)
		}
		if std.Match([]byte(text)) != es["chosen"].Match([]byte(text)) {
			t.Errorf("%s on %q: the sequence matches otherwise than package regexp", pattern, text)
		}
	}
}

func TestEnginesAgree(t *testing.T) {
	patterns := []string{
		`^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<logtag>[^ ]*) (?<message>.*)$`,
		`^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^ ]*) +\S*)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>[^\"]*)" "(?<agent>.*)")?$`,
		`^(?<a>\w+)(?:=(?<b>"[^"]*"|\S+))?`, `(?<d>\d{4}-\d\d-\d\d)[T ](?<t>[\d:.]+)`, `[^ ]*+ .`, `^.*$`, `^`, `$`, `a|b|`, `(?<x>a*)(?<y>.?)`,
		`(?<last>[^ ]+)$`, `.+?b`, `(a|ab)(c|bcd)?`, `\s+\S+`, `[[:upper:]]+`, `(?i)INFO`, `^a|b$`, `\bfoo|\w\b`,
	}
	for _, p := range patterns {
		for _, text := range corpus {
			agree(t, p, text)
		}
	}
}

func TestPlainPatternsNeedNoBacktracking(t *testing.T) {
	for _, p := range []string{`^[^ ]*+ (?>\d+):`, `^a++b`, `"[^"]*+"`, `\h++$`, `(?<x>[^,]++),`} {
		re, err := Compile(p)
		if err != nil || re.Backtracks() {
			t.Errorf("%s backtracks, or %v", p, err)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	re, _ := Compile(`^(?<a>\w+) .*error$`)
	text := []byte("some text with an error")
	if n := testing.AllocsPerRun(100, func() { re.Match(text) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`^(?<x>[^ ]+) (?:a|b)*+$`, "x a")
	f.Add(`/[a-z&&[^x]]{2,3}?\p{Alpha}\k<n>(?<n>.)/imx`, "abc")
	f.Add(`(?<a>x)?(?(<a>)\g<a>|(?u)\w)`, "xy")
	f.Add(`(?i)(?<=a)\R\x{1F600}(?>a|b)\Z`, "a\r\n")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 60 || strings.Count(pattern, "{") > 2 {
			return
		}
		re, err := Compile(pattern)
		if err != nil {
			return
		}
		loc := re.Find(nil, []byte(text))
		if (len(loc) > 0) != re.Match([]byte(text)) && re.Timeouts() == 0 {
			t.Fatalf("%s on %q: Match and Find differ", pattern, text)
		}
		for i := 0; i < len(loc); i += 2 {
			if loc[i] > loc[i+1] || loc[i+1] > len(text) {
				t.Fatalf("bad range %v", loc)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	lines := map[string][2]string{
		"cri": {`^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<logtag>[^ ]*) (?<message>.*)$`, `2026-11-22T19:47:12.123456789Z stdout F {"level":"info","msg":"request completed","method":"GET","path":"/api/v1/users/12345","status":200,"duration":0.0453,"host":"ip-10-0-0-17"}`},
		"apache2": {`^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^ ]*) +\S*)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>[^\"]*)" "(?<agent>.*)")?$`,
			`203.0.113.9 - frank [22/Nov/2026:19:47:12 +0000] "GET /api/v1/users/12345?expand=orders HTTP/1.1" 200 48213 "https://www.example.com/start.html" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36"`},
	}
	for name, l := range lines {
		b.Run(name, func(b *testing.B) {
			re, err := Compile(l[0])
			if err != nil {
				b.Fatal(err)
			}
			text := []byte(l[1])
			var loc []int
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if loc = re.Find(loc[:0], text); len(loc) == 0 {
					b.Fatal("no match")
				}
			}
		})
	}
}

func ExampleCompile() {
	re, err := Compile(`/^(?<level>\h+) (?<msg>.*)$/i`)
	if err != nil {
		panic(err)
	}
	text := []byte("BEEF on the table")
	loc := re.Find(nil, text)
	for i, name := range re.Names()[1:] {
		fmt.Printf("%s: %s\n", name, text[loc[2*i+2]:loc[2*i+3]])
	}
	// Output:
	// level: BEEF
	// msg: on the table
}
