package main

import "strings"

func inTable(name string) bool {
	return strings.Contains(name, "cpy") || strings.Contains(name, "strcat") || strings.Contains(name, "printf")
}
