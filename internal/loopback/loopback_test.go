package loopback

import "testing"

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		host             string
		program, browser bool
	}{
		{"localhost", true, true},
		{"LocalHost", true, true},
		{"127.0.0.1", true, true},
		{"127.8.9.10", true, true},
		{"::1", true, true},
		{"::ffff:127.0.0.1", true, true},
		{"rind.localhost", false, true},
		{"rind.LOCALHOST", false, true},
		{"", false, false},
		{"localhost.", false, false},
		{"localhost.example.org", false, false},
		{"notlocalhost", false, false},
		{"0.0.0.0", false, false},
		{"::", false, false},
		{"127.1", false, false},
		{"127.0.0.1.example.org", false, false},
		{"10.0.0.1", false, false},
		{"[::1]", false, false},
		{"127.0.0.1:80", false, false},
	} {
		if got := Host(c.host); got != c.program {
			t.Errorf("Host(%q) is %v", c.host, got)
		}
		if got := Browser(c.host); got != c.browser {
			t.Errorf("Browser(%q) is %v", c.host, got)
		}
	}
}
