package multiline

import "unicode/utf8"

// cut returns the first limit bytes of text, or a little less where that would end inside of a character.
func cut(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	text = text[:limit]
	return text[:len(text)-len(half(text))]
}

// half returns the beginning of a character that text ends with, if there is not all of it.
func half(text []byte) []byte {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax); i-- {
		if utf8.RuneStart(text[i]) {
			if utf8.FullRune(text[i:]) {
				return nil
			}
			return text[i:]
		}
	}
	return nil
}
