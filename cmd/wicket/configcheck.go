package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/wasm"
)

func configCheckCommand() *cobra.Command {
	var k configCheck
	c := &cobra.Command{
		Use:   "check",
		Short: "Find every mistake in a configuration, its environment, its files and the settings of its plugins",
		Long: `Load a configuration as "wicket run" would, with the environment, and print
everything that is wrong with it; also look whether the files that it names can
be read, load the certificates, keys and revocation lists of the listeners, and
load the plugins, which judge their own settings. Nothing listens, and nobody is
asked. --no-plugins leaves plugins and upstreams out, for a machine that has not
got their modules or files.

The exit code is 0 when the configuration is good, 3 when it is not, and 1 when
only the files of a listener, a plugin or an upstream cannot be loaded, which are
those of "wicket run". Warnings do not change the exit code.`,
		Example: `  wicket config check -c /etc/wicket/wicket.yaml
  wicket config check -c wicket.yaml --no-plugins`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return k.run(c.Context(), c.OutOrStdout()) },
	}
	configFilesFlag(c, &k.files)
	c.Flags().BoolVar(&k.noPlugins, "no-plugins", false, "neither load plugins and upstreams nor look for their files")
	return c
}

// configCheck is one run of wicket config check.
type configCheck struct {
	files     []string
	noPlugins bool
}

// loadTime is how long all plugins together may take to be loaded.
const loadTime = time.Minute

func (k *configCheck) run(ctx context.Context, out io.Writer) error {
	cfg, report, err := config.Load(configSources(k.files))
	warn(out, report.Warnings)
	var mistakes, refused []config.Problem
	switch bad := (config.Errors)(nil); {
	case errors.As(err, &bad):
		mistakes = bad
	case err != nil:
		return err
	default:
		mistakes = config.CheckFiles(cfg, report)
		if k.noPlugins {
			mistakes = slices.DeleteFunc(mistakes, func(p config.Problem) bool { return isIn(p, "plugins", "") || isIn(p, "upstreams", "") })
		}
		var warnings []config.Problem
		if refused, warnings, err = k.load(ctx, cfg, report, mistakes); err != nil {
			return err
		}
		warn(out, warnings)
	}
	return judge(out, mistakes, refused)
}

func warn(out io.Writer, warnings []config.Problem) {
	for _, w := range warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
}

// judge says what has been found. The error has the exit code that wicket run
// would end with.
func judge(out io.Writer, mistakes, refused []config.Problem) error {
	all := config.Errors(slices.Concat(mistakes, refused))
	headline := "the configuration has a mistake:"
	switch len(all) {
	case 0:
		_, err := fmt.Fprintln(out, "the configuration is good")
		return err
	case 1:
	default:
		headline = fmt.Sprintf("the configuration has %d mistakes:", len(all))
	}
	if len(mistakes) == 0 {
		return fmt.Errorf("%s\n%s", headline, all.Error()) // not a config.Errors
	}
	return fmt.Errorf("%s\n%w", headline, all)
}

// load loads the files of listeners, upstreams and plugins, but for those whose
// files are missing as the mistakes say, and the plugin of the built-in
// configuration, whose file a broker makes.
func (k *configCheck) load(ctx context.Context, cfg *config.Config, report *config.Report, mistakes []config.Problem) (refused, warnings []config.Problem, err error) {
	skip := func(section, name string) bool {
		return slices.ContainsFunc(mistakes, func(p config.Problem) bool { return isIn(p, section, name) })
	}
	all := engine.CheckListeners(cfg, skip)
	if !k.noPlugins {
		ctx, cancel := context.WithTimeout(ctx, loadTime)
		defer cancel()
		plugins, err := engine.CheckPlugins(ctx, cfg, moduleCache(), func(section, name string) bool {
			return skip(section, name) || report.Origin(config.JoinKey(section, name, "file")).Base
		})
		if err != nil {
			return nil, nil, err
		}
		all = slices.Concat(all, engine.CheckUpstreams(cfg, skip), plugins)
	}
	for _, c := range all {
		for _, text := range c.Warnings {
			warnings = append(warnings, report.Problem(text, placeOf(&c, text)...))
		}
		if c.Err != nil {
			refused = append(refused, loadingMistakes(report, &c)...)
		}
	}
	return refused, warnings, nil
}

// tlsFault begins what is said of a file of a listener: the key that names it.
var tlsFault = regexp.MustCompile(`^(?:cannot read )?(certfile|keyfile|cacertfile) `)

// placeOf is the key that a text about something loaded belongs to.
func placeOf(c *engine.Loaded, text string) []string {
	if c.Section != "listeners" {
		return []string{c.Section, c.Name}
	}
	name, _ := config.SplitKey(c.Name)
	path := slices.Concat([]string{c.Section}, name, []string{"tls"})
	if key := tlsFault.FindStringSubmatch(text); key != nil {
		path = append(path, key[1])
	}
	return path
}

// isIn reports whether a mistake is in one of a section, such as plugins and "acl",
// or listeners and "tls.default", or, without a name, in the section at all.
func isIn(p config.Problem, section, name string) bool {
	path, err := config.SplitKey(p.Key)
	return err == nil && len(path) > 1 && path[0] == section &&
		(name == "" || path[1] == name || len(path) > 2 && config.JoinKey(path[1:3]...) == name)
}

// settingFault begins what a plugin says of one of its settings: its key and a
// colon.
var settingFault = regexp.MustCompile(`^([a-z][a-z0-9_]*(?:\[\d+\])?(?:\.[a-z][a-z0-9_]*(?:\[\d+\])?)*): `)

// loadingMistakes are the mistakes that an error is about. What a plugin says
// against its settings is "key: text; key: text", as the SDKs write it.
func loadingMistakes(report *config.Report, c *engine.Loaded) []config.Problem {
	var refused *wasm.RefusedError
	if !errors.As(c.Err, &refused) {
		return []config.Problem{report.Problem(c.Err.Error(), placeOf(c, c.Err.Error())...)}
	}
	settings := []string{c.Section, c.Name, "config"}
	var out []config.Problem
	for i, part := range strings.Split(refused.Why, "; ") {
		switch key := settingFault.FindStringSubmatch(part); {
		case key != nil:
			path := slices.Concat(settings, strings.Split(key[1], "."))
			out = append(out, report.Problem(part[len(key[0]):], path...))
		case i == 0:
			out = append(out, report.Problem(part, settings...))
		default: // the text goes on
			out[len(out)-1].Text += "; " + part
		}
	}
	return out
}
