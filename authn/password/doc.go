// Package password hashes passwords, decides which are good enough, and looks them up among stolen ones. It
// uses no store, account or request.
//
// Check and Score judge a password by its text, BreachList by a file of stolen passwords, and BreachRange by
// a server that knows them. A Hasher hashes and compares passwords, a bounded number at the same time.
package password
