// Package e2e tests rind as people use it: the real binary, a real browser, the
// real upload clients, a real mail server. The package contains only tests.
package e2e
