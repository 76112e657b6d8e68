package main

func propose(o options) error { return nil }
func verify(o options) error  { return nil }
