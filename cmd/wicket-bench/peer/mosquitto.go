package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mosquitto's program is in a directory for administrators on Debian, which
// users seldom have in their path.
func mosquittoProgram() string {
	if path, err := exec.LookPath("mosquitto"); err == nil {
		return path
	}
	return "/usr/sbin/mosquitto"
}

func (b *Broker) startMosquitto(program string, o Options) error {
	if program == "" {
		program = mosquittoProgram()
	}
	plain, err := freePort()
	if err != nil {
		return err
	}
	secure, err := freePort()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "mosquitto.conf")
	if err := os.WriteFile(file, b.mosquittoConfig(plain, secure, o), 0o600); err != nil {
		return err
	}
	if o.Username != "" {
		if out, err := exec.Command("mosquitto_passwd", "-b", "-c", b.PKI.File("users"), o.Username, o.Password).CombinedOutput(); err != nil {
			return fmt.Errorf("mosquitto_passwd: %w: %s", err, out)
		}
	}
	b.Version = strings.TrimPrefix(version(program, "-h"), "mosquitto version ")
	b.Plain, b.Secure = "127.0.0.1:"+plain, "127.0.0.1:"+secure
	b.cmd = exec.Command(program, append([]string{"-c", file}, o.Extra...)...)
	if err := b.launch(o); err != nil {
		return err
	}
	b.reap()
	return b.answer()
}

func (b *Broker) mosquittoConfig(plain, secure string, o Options) []byte {
	var c strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&c, format+"\n", a...) }
	say("log_dest none")
	say("persistence false")
	say("sys_interval 0")
	say("set_tcp_nodelay true")
	say("max_inflight_messages %s", maxInflight)
	say("max_queued_messages %s", maxQueued)
	if os.Geteuid() == 0 {
		say("user root") // else it cannot read the certificates
	}
	if o.Username == "" {
		say("allow_anonymous true")
	} else {
		say("password_file %s", b.PKI.File("users"))
	}
	say("listener %s 127.0.0.1", plain)
	say("listener %s 127.0.0.1", secure)
	say("certfile %s", b.PKI.File("server.pem"))
	say("keyfile %s", b.PKI.File("server.key"))
	if o.Mutual {
		say("cafile %s", b.PKI.File("ca.pem"))
		say("require_certificate true")
	}
	return []byte(c.String())
}
