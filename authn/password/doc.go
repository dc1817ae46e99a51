// Package password hashes passwords, tells which are good enough, and looks them up among stolen ones. It
// knows no store, no account and no request.
//
// Check and Score judge a password by its text, BreachList by a file of stolen passwords, and BreachRange by
// a server that knows them. A Hasher hashes and compares with a bound on what runs at the same time.
package password
