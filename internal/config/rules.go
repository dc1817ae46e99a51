package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/verifier/gateway/policy"
)

// ruleSettings are the settings of a rule, which an index may have itself too, for all its projects.
var ruleSettings = map[string]func(*policy.Rule, any) error{
	"release-closes": func(r *policy.Rule, v any) (err error) { r.Closes, err = asDays(v); return err },
	"wheels-only":    func(r *policy.Rule, v any) (err error) { r.WheelsOnly, err = asSwitch(v); return err },
	"max-file":       func(r *policy.Rule, v any) (err error) { r.MaxFile, err = asSize(v); return err },
	"max-project":    func(r *policy.Rule, v any) (err error) { r.MaxProject, err = asSize(v); return err },
	"users":          func(r *policy.Rule, v any) (err error) { r.Users, err = asList(v, `["ada"]`); return err },
}

// RuleNames lists the settings of a rule in alphabetical order, without "projects", which says whose rule it is.
func RuleNames() []string { return slices.Sorted(maps.Keys(ruleSettings)) }

// readRules reads the rules of an index: its tables [[index.rule]] in their order, and behind them what it sets itself.
func readRules(index map[string]any, all policy.Rule) (rules policy.Rules, p Problems) {
	list, ok := index["rule"].([]any)
	if !ok && index["rule"] != nil {
		return nil, Problems{"rule is not a list: begin each rule with a line [[index.rule]]"}
	}
	for n, v := range list {
		doc, ok := v.(map[string]any)
		if !ok {
			return nil, Problems{"rule is not a list: begin each rule with a line [[index.rule]]"}
		}
		var r policy.Rule
		what := fmt.Sprintf("rule %d: ", n+1)
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			var err error
			switch set := ruleSettings[name]; {
			case name == "projects":
				r.Projects, err = asList(doc[name], `["demo", "acme-*"]`)
			case set != nil:
				err = set(&r, doc[name])
			default:
				p = append(p, what+fmt.Sprintf("unknown setting %q: those of a rule are projects, %s", name, strings.Join(RuleNames(), ", ")))
			}
			if err != nil {
				p = append(p, what+fmt.Sprintf("%s: %v", name, err))
			}
		}
		if err := r.Check(); err != nil {
			p = append(p, what+err.Error())
		}
		rules = append(rules, r)
	}
	any := false
	for _, name := range RuleNames() {
		v, is := index[name]
		if !is {
			continue
		}
		any = true
		err := ruleSettings[name](&all, v)
		if err != nil {
			p = append(p, fmt.Sprintf("%s: %v", name, err))
		}
	}
	if any {
		if err := all.Check(); err != nil {
			p = append(p, err.Error())
		}
		rules = append(rules, all)
	}
	return rules, p
}

func asSwitch(v any) (*bool, error) {
	on, ok := v.(bool)
	if !ok {
		return nil, fmt.Errorf("must be true or false, not %v", v)
	}
	return &on, nil
}

// asDays takes days, "14d", or a word for no end.
func asDays(v any) (*time.Duration, error) {
	s, err := asString(v)
	if err != nil {
		return nil, err
	}
	if s == "never" {
		return new(time.Duration), nil
	}
	d, ok := parseDays(s)
	if !ok {
		return nil, fmt.Errorf(`%q is not a number of days like "14d", or "never"`, s)
	}
	return &d, nil
}

// asSize takes a size in MiB or GiB, or a word for no limit.
func asSize(v any) (*int64, error) {
	s, err := asString(v)
	if err != nil {
		return nil, err
	}
	var n int64
	if s == "none" {
		return &n, nil
	}
	n, err = parseSize(s)
	if err != nil {
		return nil, fmt.Errorf(`%w, or "none"`, err)
	}
	return &n, nil
}

func asList(v any, example string) (all []string, err error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("must be a list like %s, not %v", example, v)
	}
	all = []string{}
	for _, e := range list {
		s, err := asString(e)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
