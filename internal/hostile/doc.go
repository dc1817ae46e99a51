// Package hostile tests that hostile clients can't keep the owner of an account from acting, however many
// and persistent they are. It runs the real 'rind serve' under many hostile clients, and with a mail
// server that is slow, unreachable or flooded with mails that strangers cause. The package contains only
// tests. 'make hostile HOSTILE=1m' runs the clients for the given time and prints how long the owner's
// actions took.
package hostile
