package password

import (
	"errors"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/password/encoded"
)

// Hashes that other tools made: the argon2 reference command, htpasswd,
// mosquitto_passwd 2.0.11 with -H sha512 and without, and PBKDF2 of Python's
// hashlib in the forms of passlib and PHC; the user of RFC 7677 section 3.
var recorded = []struct{ name, password, hash string }{
	{"argon2id", "correct horse", "$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHQxMjM0$uDG7ZtIgYNv8EfB5XpzgVuThKWaN31mXCx7mpP4Bnb4"},
	{"bcrypt", "correct horse", "$2y$05$AWYJ8p68vOu8F4QFYBXJ5uzDMMdDKTpSueI7H3.gtsmgtVrr6.9NS"},
	{"passlib pbkdf2-sha256", "correct horse", "$pbkdf2-sha256$1000$8PHy8/T19vf4.fr7/P3./w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU"},
	{"PHC pbkdf2-sha256", "correct horse", "$pbkdf2-sha256$i=1000$8PHy8/T19vf4+fr7/P3+/w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU"},
	{"PHC pbkdf2-sha256 with length", "correct horse", "$pbkdf2-sha256$i=1000,l=32$8PHy8/T19vf4+fr7/P3+/w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU"},
	{"passlib pbkdf2-sha512", "correct horse", "$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./w$xqu1f3FSdHbs02z9AocIk0UpBf6S9uqlRTfcS56zkPqTxPMhm.kj4D.e8E9DRlH/uXf/Pe1g59vHIM0MwcvtiA"},
	{"mosquitto $7$", "correct horse", "$7$101$H+C5K34+8ylzLbgN$Ywq/4sxW0JCbSsHNLIWDpwHGIT45HwBc+SOg7jNNNzHp/zr/SjtYJrjlegKMaQo/WS4YWP0tgEV/gWvdvfcvQw=="},
	{"mosquitto $7$ not ASCII", "pässwörd", "$7$101$P3qOzIOjq4NeAKho$bfNVlCgvGMrfsK2CpobYQuhUHXSMKHXgAo1RqQ5fUou/pOyV23GQvA6tYA7/GjeKVyGmhvT3PCDrtg0xTv5pBg=="},
	{"SCRAM-SHA-256", "pencil", "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="},
	{"mosquitto $6$", "correct horse", "$6$dYI1sCpOtD6OSN7g$kRSxGk1zFYwdaiQE623ZdNOaN2xp+MG5FEzKY/bEWOhujxXJJcbsHq8RxwUU8vP9XOOvF9nJIP4FyQcH14wpCg=="},

	// Computed with Python's hashlib, as EMQX joins password and salt.
	{"EMQX md5, salt behind", "correct horse", "$emqx-md5-suffix$3a1f5b0c9d7e48629b0d1c2e3f405162$6f6bfdbe31cf4a8ab2db7dc6bf962840"},
	{"EMQX sha, salt behind", "correct horse", "$emqx-sha-suffix$3a1f5b0c9d7e48629b0d1c2e3f405162$2d34ca36c0ae59f0aceae25a0f658878e91c0347"},
	{"EMQX sha256, salt behind", "correct horse", "$emqx-sha256-suffix$3a1f5b0c9d7e48629b0d1c2e3f405162$52337c4b24166ba10aa993d81d36a65eec359fe0bc78d4015374fae0326e7858"},
	{"EMQX sha512, salt behind", "correct horse", "$emqx-sha512-suffix$3a1f5b0c9d7e48629b0d1c2e3f405162$686f5ac3e51b7fa0d280d8239d9e3d78611330485a6df090ff4fb35c980bfa586d9db49ba043f73e641807108a3436687461d45e0fbd679de5b8f7c0ae9cf39f"},
	{"EMQX sha256, salt before", "correct horse", "$emqx-sha256-prefix$3a1f5b0c9d7e48629b0d1c2e3f405162$368262019a92a97f28d3978ba78a35284b357f8a15ead98e49c9500fae5ff2c7"},
	{"EMQX sha512, no salt", "correct horse", "$emqx-sha512-disable$$56b698defedb5a435b634afe3320bbaf3fdcd920b6c503a446fc7b7a776b298d479d1ba6a8b617808eb0bf579ce9a95d668347bcab7149085ac93cb27995197b"},
	{"EMQX pbkdf2 sha256", "correct horse", "$emqx-pbkdf2-sha256$4096$3a1f5b0c9d7e48629b0d1c2e3f405162$c5acd4970bb109946c874f7141035859c7380b5ef6d97815deb46a951b5db642"},
	{"EMQX pbkdf2 sha512", "correct horse", "$emqx-pbkdf2-sha512$4096$3a1f5b0c9d7e48629b0d1c2e3f405162$c62316e7bbc7c1e0e65c5f3f2a13eff774f38cc6eab9b6889270d83e5b9d756d"},
}

func TestVerifyRecorded(t *testing.T) {
	for _, r := range recorded {
		if ok, err := Verify(r.hash, []byte(r.password)); !ok || err != nil {
			t.Errorf("%s: Verify = %v, %v", r.name, ok, err)
		}
		for _, wrong := range []string{"", r.password + "x"} {
			if ok, err := Verify(r.hash, []byte(wrong)); ok || err != nil {
				t.Errorf("%s with %q: Verify = %v, %v", r.name, wrong, ok, err)
			}
		}
	}
}

func TestHashVerifies(t *testing.T) {
	for _, algorithm := range append([]string{""}, Algorithms...) {
		a, err := Hash(algorithm, []byte("secret"))
		if err != nil {
			t.Fatalf("%q: %v", algorithm, err)
		}
		if ok, err := Verify(a, []byte("secret")); !ok || err != nil {
			t.Errorf("%q: Verify = %v, %v", algorithm, ok, err)
		}
		if ok, err := Verify(a, []byte("Secret")); ok || err != nil {
			t.Errorf("%q, wrong password: Verify = %v, %v", algorithm, ok, err)
		}
	}
	a, _ := Hash("", []byte("secret"))
	if b, _ := Hash("", []byte("secret")); a == b {
		t.Error("two hashes share their salt")
	}
}

func TestHashRefuses(t *testing.T) {
	if _, err := Hash("", nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty password: %v", err)
	}
	if _, err := Hash("md5", []byte("x")); err == nil {
		t.Error("md5: no error")
	}
	if _, err := Hash("bcrypt", make([]byte, 73)); err == nil {
		t.Error("bcrypt of 73 bytes: no error")
	}
}

func TestDecoyMatchesNothing(t *testing.T) {
	for _, r := range recorded {
		h, err := encoded.Parse(r.hash)
		if err != nil {
			t.Fatal(err)
		}
		if h.Decoy() == r.hash {
			t.Errorf("%s: the decoy is the hash", r.name)
		}
		if ok, err := Verify(h.Decoy(), []byte(r.password)); ok || err != nil {
			t.Errorf("%s: Verify of the decoy = %v, %v", r.name, ok, err)
		}
	}
}

func TestErrorsAreSilent(t *testing.T) {
	for _, hash := range []string{"hunter2", "$hunter2$x", "$2b$31$hunter2", "$argon2id$v=19$m=hunter2", "$7$hunter2$a$b"} {
		ok, err := Verify(hash, []byte("hunter2"))
		if ok || err == nil {
			t.Errorf("%q: Verify = %v, %v", hash, ok, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error says %q", hash, err)
		}
	}
}
