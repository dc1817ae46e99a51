// Package files lets the owners of projects decide about uploaded files, where this server keeps the index itself: they yank
// releases, undo that, and delete releases and files. Where another program is the index, there is no Service.
//
// The issuer's store and the index are two stores. A decision is written into the first, together with its audit row and its
// notices, in one transaction, as something that has yet to be done; then it is done in the index, and struck off. What a crash
// left undone is done by Finish, in the order in which it was decided. So everything that happens to a file is in the
// audit trail, and everything there happens.
package files
