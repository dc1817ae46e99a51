// Package faults does to the real processes what a bad day does: a store that is
// restored from a backup, a file that is cut, a process that is killed. Each row of its
// table is a fault, with what a verifier may then decide and what it says. It has tests only.
package faults
