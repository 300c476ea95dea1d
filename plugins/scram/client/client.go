// Package client is the client's side of SCRAM (RFC 5802), for tests. It computes
// in the open what the plugin computes in the guest, with other packages.
package client

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// Client is one exchange.
type Client struct {
	Mechanism string // SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
	Nonce     string
	Flag      string // GS2 header; "n,," when it is empty

	first, auth string
	salted      []byte
}

func (c *Client) hash() hash.Hash {
	if c.Mechanism == "SCRAM-SHA-512" {
		return sha512.New()
	}
	return sha256.New()
}

func (c *Client) header() string {
	if c.Flag == "" {
		return "n,,"
	}
	return c.Flag
}

// First is the client's first message.
func (c *Client) First() []byte {
	c.first = "n=" + strings.NewReplacer(",", "=2C", "=", "=3D").Replace(c.User) + ",r=" + c.Nonce
	return []byte(c.header() + c.first)
}

// Final answers the server's first message.
func (c *Client) Final(challenge []byte) ([]byte, error) {
	var nonce, salt string
	var n int
	for field := range strings.SplitSeq(string(challenge), ",") {
		switch {
		case strings.HasPrefix(field, "r="):
			nonce = field[2:]
		case strings.HasPrefix(field, "s="):
			raw, err := base64.StdEncoding.DecodeString(field[2:])
			if err != nil {
				return nil, err
			}
			salt = string(raw)
		case strings.HasPrefix(field, "i="):
			n, _ = strconv.Atoi(field[2:])
		}
	}
	if !strings.HasPrefix(nonce, c.Nonce) || nonce == c.Nonce || salt == "" || n < 4096 {
		return nil, fmt.Errorf("challenge %q is none", challenge)
	}
	var err error
	if c.salted, err = pbkdf2.Key(c.hash, c.Password, []byte(salt), n, c.hash().Size()); err != nil {
		return nil, err
	}
	bare := "c=" + base64.StdEncoding.EncodeToString([]byte(c.header())) + ",r=" + nonce
	c.auth = c.first + "," + string(challenge) + "," + bare
	key := c.keyed(c.salted, "Client Key")
	d := c.hash()
	d.Write(key)
	for i, b := range c.keyed(d.Sum(nil), c.auth) {
		key[i] ^= b
	}
	return []byte(bare + ",p=" + base64.StdEncoding.EncodeToString(key)), nil
}

// Verify looks at the server's own proof.
func (c *Client) Verify(final []byte) error {
	want := c.keyed(c.keyed(c.salted, "Server Key"), c.auth)
	if string(final) != "v="+base64.StdEncoding.EncodeToString(want) {
		return errors.New("the server does not know the password either")
	}
	return nil
}

func (c *Client) keyed(key []byte, text string) []byte {
	h := hmac.New(c.hash, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
