package emqx

import "fmt"

// builtInForm is the authenticator with users of EMQX's own database (ADB-01).
var builtInForm = form{"", map[string]option{
	"user_id_type":            {plugin: "user_id_type", as: asWord("username", "clientid")},
	"password_hash_algorithm": {each: (*block).hashes},
	"bootstrap_file":          {why: "nothing is read into a database here: " + howUsers},
	"bootstrap_type":          {why: "nothing is read into a database here: " + howUsers},
}, []string{"mechanism", "backend"}}

// howUsers says where to read on.
const howUsers = "docs/import.md, Users, has how such a file becomes a users file"

// usersFile is where the plugin looks for the users, beside the configuration.
const usersFile = "users"

// builtIn carries the authenticator over as the plugin of that name. Its users are
// not in the configuration: the plugin gets a file for them, without which nothing
// starts, and the import says so as of a key that is lost.
func (c *conversion) builtIn(k *key, name string) (reason string) {
	b := c.block(&builtInForm, k, name)
	if reason = b.carry("builtin:password"); reason != "" || len(c.Errors) > 0 {
		return reason
	}
	c.out.set([]string{"plugins", name, "config", "users_file"}, usersFile, k.at, "", "write EMQX's users to it: docs/import.md, Users")
	form := lineForm(k.val.fields.get("password_hash_algorithm"))
	c.Lost = append(c.Lost, Finding{Place: k.at, Key: k.String(), Keys: 1,
		Text: fmt.Sprintf("not carried over: its users, which are in EMQX's database; write them to the file %q, %s", usersFile, form)})
	return ""
}

// hashes reads password_hash_algorithm, which each hash says by itself here.
func (b *block) hashes(k *key) {
	if k.val.kind != section {
		b.bad(k, "want a section, such as { name = sha256, salt_position = suffix }")
		return
	}
	b.silent += k.val.count()
}

// lineForm is how the users of an algorithm stand in a users file.
func lineForm(v *value) string {
	algorithm, salt := "sha256", "suffix" // EMQX's default
	if v != nil {
		algorithm, salt = v.word("name"), v.word("salt_position")
		if salt == "" {
			salt = "prefix"
		}
	}
	switch algorithm {
	case "md5", "sha", "sha256", "sha512":
		if salt == "disable" {
			return fmt.Sprintf("a line NAME:$emqx-%s-disable$$HASH for each", algorithm)
		}
		return fmt.Sprintf("a line NAME:$emqx-%s-%s$SALT$HASH for each", algorithm, salt)
	case "bcrypt":
		return "a line NAME:HASH for each"
	case "pbkdf2":
		mac, iterations := v.word("mac_fun"), v.word("iterations")
		if mac == "" {
			mac = "sha256"
		}
		if iterations == "" {
			iterations = "4096"
		}
		if mac == "sha256" || mac == "sha512" {
			return fmt.Sprintf("a line NAME:$emqx-pbkdf2-%s$%s$SALT$HASH for each", mac, shorten(iterations))
		}
	}
	return "each with a password of its own by \"wicket passwd\": hashes of this kind are not taken"
}
