package tlsoption

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

// One key, made for this test by OpenSSL 3: plain, and encrypted in both of its ways.
const (
	plainKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgauq7W/oH2R45nVm+
x0tw6TqgYh9NQSg15znAbrqgsfmhRANCAARstYwdhCS/nH9Dz/WUzcazmkz305lZ
DlyFIHuu1B84Xf+eWVKUKfro0YGKXPbgrGLlLRtqd47y0WkOcFipHXqL
-----END PRIVATE KEY-----
`
	pkcs8Key = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiJhRopX4bbrwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKnQlI0LugxMTiF5OelPoCkEgZAG
NhUGvJpcN8gF0XeaMnhKo8sngwbaungIiDsa+x7TkV2/tPS1iyDg4TAsU0vf8t5g
v/tyLuqLzSBPDJZTrlDh46EW4W9BGJhUjJs35swPNn9xF/Meu52K9HiQBQHx/F88
i4eybpOhwKIbw0KFvDbfsV5znmg51fMLCITvcI+grf+ccmfdD2gTTP0cB1GrIHs=
-----END ENCRYPTED PRIVATE KEY-----
`
	oldKey = `-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,00E202416A544A8CC2BDBB557F27A37F

iobVN8IiTn+WgNVmrh5oEfuIe5MjM+WtTQ8420PmQmbckwySojdKE5iw99UoCH4H
qi2I6yaanz69s12EST5MDmLTziHs6DiXOB4wXlPxpgFU3ES7TWR6wCr54WD+3ASj
JbJdJ0i9M2yVcN+/oipKdKvxuptq8OdsihvPFNCBdVY=
-----END EC PRIVATE KEY-----
`
)

func parse(t *testing.T, text []byte) *ecdsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(text)
	if block.Type == "EC PRIVATE KEY" {
		k, err := x509.ParseECPrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return k.(*ecdsa.PrivateKey)
}

func TestEncryptedKeysOpenWithTheirPassword(t *testing.T) {
	want := parse(t, []byte(plainKey))
	for _, text := range []string{plainKey, pkcs8Key, oldKey} {
		plain, err := decryptKey([]byte(text), "sesame")
		if err != nil {
			t.Fatal(err)
		}
		if !parse(t, plain).Equal(want) {
			t.Error("another key came out")
		}
	}
	for _, text := range []string{pkcs8Key, oldKey} {
		if _, err := decryptKey([]byte(text), "wrong"); err == nil || !strings.Contains(err.Error(), "does not open with tls.key_passwd") {
			t.Error(err)
		}
	}
}

func TestCiphersHaveTheNamesOfOpenSSL(t *testing.T) {
	for _, name := range strings.Fields(`
		ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-AES128-SHA
		ECDHE-RSA-AES128-SHA256 AES128-SHA AES256-GCM-SHA384 DES-CBC3-SHA TLS_AES_128_GCM_SHA256`) {
		if _, err := parseCiphers(name); err != nil {
			t.Error(err)
		}
	}
}

func FuzzDecryptKey(f *testing.F) {
	for _, text := range []string{plainKey, pkcs8Key, oldKey} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { _, _ = decryptKey(text, "sesame") })
}
