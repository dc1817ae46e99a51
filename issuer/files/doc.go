// Package files lets the owners of projects and the operator decide about uploaded files, if this server keeps the index itself: they
// yank releases, undo that, and delete releases and files. While a project is quarantined, only the operator does. If another program
// is the index, there is no Service.
//
// The issuer's store and the index are two stores. One transaction writes a decision into the first as a task,
// together with its audit row and its notices. The task is then carried out in the index, and deleted. Finish carries out the tasks
// that a crash left. It drops those of owners whose project has been quarantined or deleted since, with an audit row of its own. So
// everything that happens to a file is in the audit trail, and everything in the audit trail happens, or the trail says that it did not.
package files
