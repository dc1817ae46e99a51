// Package hostile sees to it that nobody stops, outlasts or outnumbers the owner of an account: the
// real 'rind serve' under many hostile clients, and with a mail server that is slow, away or flooded by
// strangers' mails. It holds tests only. 'make hostile HOSTILE=1m' keeps the clients at it for as
// long as asked, and prints how long the owner's acts took.
package hostile
