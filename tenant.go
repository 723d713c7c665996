package keyward

// TenantSpec declares a tenant: a customer of the installation, whose objects no other tenant sees.
type TenantSpec struct {
	DisplayName string `json:"displayName,omitempty"`
}

// Kind implements Spec.
func (*TenantSpec) Kind() Kind { return KindTenant }

// References implements Spec.
func (*TenantSpec) References() []Ref { return nil }

// Validate implements Spec.
func (*TenantSpec) Validate() []FieldError { return nil }
