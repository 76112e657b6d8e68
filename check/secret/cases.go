package secret

// Test cases of 3GPP TS 33.117.
const (
	factory      = "TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION"
	confidential = "TC_CONFIDENTIAL_SYSTEM_INTERNAL_DATA"
	stored       = "TC_PSW_STOR_SUPPORT"
)

// testCases are those that the rules speak to. What authenticates the unit or
// its users was made at the factory; what stands in the clear can be shown.
var testCases = map[string][]string{
	"secret.private-key":           {confidential, factory},
	"secret.private-key-encrypted": {factory},
	"secret.same-key":              {factory},
	"secret.key-known":             {factory},
	"secret.snmp-community":        {confidential, factory},
	"secret.snmp-user":             {confidential, factory},
	"secret.login":                 {confidential, factory, stored},
	"secret.web-user":              {factory},
	"secret.wifi":                  {confidential, factory},
	"secret.acs":                   {confidential, factory},
	"secret.aaa":                   {confidential, factory},
	"secret.vpn":                   {confidential, factory},
	"secret.ppp":                   {confidential},
	"secret.sip":                   {confidential},
	"secret.service":               {confidential},
	"secret.url":                   {confidential},
	"secret.token":                 {confidential},
	"secret.setting":               {confidential},
}
