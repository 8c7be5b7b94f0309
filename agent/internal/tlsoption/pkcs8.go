package tlsoption

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// The structures of an encrypted private key, RFC 5958 and RFC 8018 appendix A.
type encryptedKey struct {
	Algorithm struct {
		ID     asn1.ObjectIdentifier
		Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	}
	Data []byte
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
)

var prfs = map[string]func() hash.Hash{
	"":                    sha1.New, // the default
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

var aesKeys = map[string]int{"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}

// decryptPKCS8 opens a key that was encrypted as OpenSSL does it: PBES2 with PBKDF2 and AES-CBC.
func decryptPKCS8(der []byte, password string) ([]byte, error) {
	var k encryptedKey
	if _, err := asn1.Unmarshal(der, &k); err != nil {
		return nil, err
	}
	if k.Algorithm.ID.String() != oidPBES2 || k.Algorithm.Params.KDF.Algorithm.String() != oidPBKDF2 {
		return nil, errors.New("it is encrypted in another way than PBES2 with PBKDF2")
	}
	var p pbkdf2Params
	if _, err := asn1.Unmarshal(k.Algorithm.Params.KDF.Parameters.FullBytes, &p); err != nil {
		return nil, err
	}
	size, ok := aesKeys[k.Algorithm.Params.Cipher.Algorithm.String()]
	prf, known := prfs[p.PRF.Algorithm.String()]
	if !ok || !known {
		return nil, errors.New("it is encrypted with another cipher than AES-CBC")
	}
	var iv []byte
	if _, err := asn1.Unmarshal(k.Algorithm.Params.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize {
		return nil, errors.New("its initial vector is missing")
	}
	if p.Iterations < 1 || p.Iterations > 10_000_000 || len(k.Data) == 0 || len(k.Data)%aes.BlockSize != 0 {
		return nil, errors.New("its parameters are not sound")
	}
	key, err := pbkdf2.Key(prf, password, p.Salt, p.Iterations, size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("BUG: %w", err)
	}
	plain := make([]byte, len(k.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, k.Data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, errors.New("the password is wrong")
	}
	return plain[:len(plain)-pad], nil
}
