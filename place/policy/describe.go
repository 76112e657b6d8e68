package policy

// Variable describes a name that rules may use.
type Variable struct {
	Name, Type, About string
	// Network tells that it is the same for all elements, Origin that it says who
	// made something.
	Network, Origin bool
}

// Variables are all names that rules may use, sorted.
func Variables() (list []Variable) {
	for _, v := range variables {
		list = append(list, Variable{v.name, v.typ.String(), v.about, v.network, v.origin})
	}
	return list
}
