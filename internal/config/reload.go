package config

import (
	"maps"
	"reflect"
	"slices"
)

// What a running program takes over when its settings file is read again.

// reloadable lists the settings that a running program takes over.
var reloadable = []string{"index", "max-upload", "uploads-at-once", "uploads-per-account", "uploads-per-token"}

// gatewayReloadable lists those of 'rind gateway'.
var gatewayReloadable = append([]string{"trusted-proxies", "verify-secret-file"}, reloadable...)

// Reloaded returns c with what a running 'rind serve' takes over from next, which was read from the same file later. kept
// names the settings that were changed in the file and stay as they are until the next start.
func (c Config) Reloaded(next Config) (out Config, kept []string) {
	kept = changed(c.doc, next.doc, reloadable)
	return c.takeOver(next), kept
}

// Reloaded is Config.Reloaded for 'rind gateway'.
func (g Gateway) Reloaded(next Gateway) (out Gateway, kept []string) {
	kept = changed(g.doc, next.doc, gatewayReloadable)
	g.Config = g.Config.takeOver(next.Config)
	g.TrustedProxies, g.VerifySecretFile = next.TrustedProxies, next.VerifySecretFile
	return g, kept
}

func (c Config) takeOver(next Config) Config {
	c.Indexes, c.MaxUpload = next.Indexes, next.MaxUpload
	c.UploadsAtOnce, c.UploadsPerAccount, c.UploadsPerToken = next.UploadsAtOnce, next.UploadsPerAccount, next.UploadsPerToken
	return c
}

// changed returns the settings that two readings of a file have differently, except some, in alphabetical order.
func changed(before, after map[string]any, except []string) (names []string) {
	all := maps.Clone(before)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(except, name) && !reflect.DeepEqual(before[name], after[name]) {
			names = append(names, name)
		}
	}
	return names
}
