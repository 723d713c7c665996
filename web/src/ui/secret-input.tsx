import { PasswordInput, type PasswordInputProps } from "@mantine/core";

/** Where a secret is typed. Mantine's own does not mark itself as wrong: nobody is led to it, or hears that it is. */
export function SecretInput(props: PasswordInputProps) {
  return <PasswordInput {...props} {...(Boolean(props.error) && { "aria-invalid": true })} />;
}
