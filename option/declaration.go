package option

// Declaration is an option without its variable: what a plugin in another process tells about its settings.
type Declaration struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Fallback string   `json:"default,omitempty"`
	About    string   `json:"about,omitempty"`
	Repeats  bool     `json:"repeats,omitempty"`
	Needed   bool     `json:"required,omitempty"`
	Masked   bool     `json:"secret,omitempty"`
	Prefix   bool     `json:"prefix,omitempty"`
	Whole    bool     `json:"whole,omitempty"` // lists are one value, not the key repeated
	Choices  []string `json:"choices,omitempty"`
	Keys     []string `json:"keys,omitempty"` // every key it answers to, when more than Name
}

// Names are the keys that the option answers to, its own first.
func (d Declaration) Names() []string {
	if len(d.Keys) > 0 {
		return d.Keys
	}
	return []string{d.Name}
}

// Declare describes opts.
func Declare(opts []Option) []Declaration {
	list := make([]Declaration, 0, len(opts))
	for _, o := range opts {
		list = append(list, Declaration{
			Name: o.Name, Type: o.Type, Fallback: o.Fallback, About: o.About, Repeats: o.Repeats,
			Needed: o.Needed, Masked: o.Masked, Prefix: o.Prefix, Whole: o.whole, Choices: o.Choices, Keys: o.keys,
		})
	}
	return list
}

// Declared makes options of descriptions. They know which keys there are, how often and whether they must be
// given; values are for the plugin itself to read, and go nowhere here.
func Declared(list []Declaration) []Option {
	opts := make([]Option, 0, len(list))
	for _, d := range list {
		opts = append(opts, Option{
			Name: d.Name, Type: d.Type, Fallback: d.Fallback, About: d.About, Repeats: d.Repeats,
			Needed: d.Needed, Masked: d.Masked, Prefix: d.Prefix, Choices: d.Choices,
			keys: d.Keys, whole: d.Whole, set: func(string, Value) error { return nil },
		})
	}
	return opts
}
