//go:build !unix

package main

// hasModes tells whether the modes of files keep other users out on this system.
const hasModes = false
