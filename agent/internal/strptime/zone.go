package strptime

// zone reads what %z and %Z stand for and keeps its distance from UTC.
func (l *Layout) zone(f *fields, code opcode, s []byte, i int) (next int, ok bool) {
	if code == opZoneName {
		f.offset, next, ok = l.zoneName(s, i)
	} else {
		f.offset, next, ok = offset(s, i)
	}
	if ok {
		f.has |= hasOffset
	}
	return next, ok
}

// offset reads %z: Z, UT, UTC, GMT, ±hhmm, ±hh:mm, ±hh (ISO 8601) or a zone of the USA (RFC 822).
func offset(s []byte, i int) (seconds, next int, ok bool) {
	i = skipSpace(s, i)
	if i == len(s) {
		return 0, i, false
	}
	rest := s[i:]
	switch rest[0] {
	case '+', '-':
		return signedOffset(s, i)
	case 'Z':
		return 0, i + 1, true
	case 'G':
		return 0, i + 3, len(rest) >= 3 && string(rest[:3]) == "GMT"
	case 'U':
		if len(rest) >= 3 && string(rest[:3]) == "UTC" {
			return 0, i + 3, true
		}
		return 0, i + 2, len(rest) >= 2 && rest[1] == 'T'
	}
	if len(rest) < 3 || rest[2]|0x20 != 't' {
		return 0, i, false
	}
	var hour int
	switch rest[0] | 0x20 {
	case 'e':
		hour = -5
	case 'c':
		hour = -6
	case 'm':
		hour = -7
	case 'p':
		hour = -8
	default:
		return 0, i, false
	}
	switch rest[1] | 0x20 {
	case 's':
	case 'd':
		hour++
	default:
		return 0, i, false
	}
	return hour * 3600, i + 3, true
}

// signedOffset reads ±hhmm, ±hh:mm or ±hh.
func signedOffset(s []byte, i int) (seconds, next int, ok bool) {
	neg := s[i] == '-'
	i++
	if len(s)-i < 2 || !isDigit(s[i]) || !isDigit(s[i+1]) {
		return 0, i, false
	}
	seconds = (int(s[i]-'0')*10 + int(s[i+1]-'0')) * 3600
	i += 2
	if i < len(s) && s[i] == ':' {
		i++
	}
	if i < len(s) && isDigit(s[i]) {
		if len(s)-i < 2 || !isDigit(s[i+1]) {
			return 0, i, false
		}
		seconds += (int(s[i]-'0')*10 + int(s[i+1]-'0')) * 60
		i += 2
	}
	if neg {
		seconds = -seconds
	}
	return seconds, i, true
}

// zoneName reads %Z: an abbreviation of the table, in any case, or one of the machine's own zone.
func (l *Layout) zoneName(s []byte, i int) (seconds, next int, ok bool) {
	rest := s[i:]
	var word [5]byte
	n := 0
	for n < len(rest) && n < len(word) && isAlnum(rest[n]) {
		word[n] = upper(rest[n])
		n++
	}
	if minutes, ok := abbreviations[string(word[:n])]; ok {
		return int(minutes) * 60, i + n, true
	}
	if len(rest) >= 3 && (string(rest[:3]) == "GMT" || string(rest[:3]) == "UTC") {
		return 0, i + 3, true
	}
	for _, z := range l.locals {
		if len(rest) >= len(z.name) && z.name != "" && string(rest[:len(z.name)]) == z.name {
			return z.offset, i + len(z.name), true
		}
	}
	return 0, i, false
}

func isAlnum(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 0x20
	}
	return c
}

// abbreviations are the zones that %Z knows, in minutes east of UTC. Abbreviations are ambiguous; the
// choice (IST is India, CST is America) is Fluent Bit's.
var abbreviations = map[string]int16{
	"GMT": 0, "UTC": 0, "UT": 0, "Z": 0,
	// North America
	"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
	"AKST": -540, "AKDT": -480, "HST": -600, "HADT": -540, "AST": -240, "ADT": -180, "NST": -210, "NDT": -150,
	// Europe
	"WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180,
	// South America
	"ART": -180, "BRT": -180, "BRST": -120, "CLT": -240, "CLST": -180,
	// Australia and Oceania
	"AEST": 600, "AEDT": 660, "ACST": 570, "ACDT": 630, "AWST": 480, "NZST": 720, "NZDT": 780,
	// Asia
	"JST": 540, "KST": 540, "SGT": 480, "IST": 330, "GST": 240, "ICT": 420, "WIB": 420, "WITA": 480,
	"WIT": 540, "MYT": 480, "BDT": 360, "NPT": 345,
	// Africa
	"WAT": 60, "CAT": 120, "EAT": 180, "SAST": 120,
	// Military letters; J is the observer's own time and means nothing here.
	"A": 60, "B": 120, "C": 180, "D": 240, "E": 300, "F": 360, "G": 420, "H": 480, "I": 540, "K": 600,
	"L": 660, "M": 720, "N": -60, "O": -120, "P": -180, "Q": -240, "R": -300, "S": -360, "T": -420,
	"U": -480, "V": -540, "W": -600, "X": -660, "Y": -720,
}
