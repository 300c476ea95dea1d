package emqx

import "maps"

// scramForm is the SCRAM authenticator that asks a server for credentials
// (ASCRAM-01): an HTTP block with the mechanism.
var scramForm = form{httpForm.url, scramOptions(), httpForm.says}

func scramOptions() map[string]option {
	out := maps.Clone(httpForm.options)
	out["algorithm"] = option{plugin: "algorithm", as: asWord("sha256", "sha512")}
	out["iteration_count"] = option{plugin: "iteration_count", as: asNumber(4096, 4_000_000)}
	return out
}

// scram carries the authenticator over as the plugin of that name. The plugin needs
// a secret to hide which users there are; EMQX has none, so it is made.
func (c *conversion) scram(k *key, name string) (reason string) {
	b := c.block(&scramForm, k, name)
	if c.options.Secret == nil {
		b.refuse("the plugin builtin:scram needs a secret, which EMQX has none of: \"wicket import\" makes one")
	}
	b.address()
	if reason = b.carry("builtin:scram"); reason == "" && len(c.Errors) == 0 {
		c.out.set([]string{"plugins", name, "config", "secret"}, c.options.Secret(), k.at, "", "made by the import: it hides which users there are")
	}
	return reason
}
