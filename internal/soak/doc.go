// Package soak keeps verifiers connected to a real 'rind serve' for longer than every
// limit of time in the code, over proxies and slow lines, and while processes are
// killed. It holds tests only. 'make soak SOAK=10m' runs many verifiers for as long as
// asked, and prints how they did.
package soak
