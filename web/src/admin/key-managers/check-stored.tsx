import { useQuery } from "@tanstack/react-query";

import { typesQuery } from "../../api/key-managers";
import { useAddress, useTenant } from "../../shell/place";
import { FormElsewhere } from "../../ui/field-link";
import { CheckPanel } from "./check";

/** The checks of a key manager as it is stored. Fields that they speak of are in its form, which is a page of its own. */
export function CheckStored({ name, type }: { name: string; type: string }) {
  const to = useAddress();
  const types = useQuery(typesQuery(useTenant()));
  const fields = types.data?.find((t) => t.name === type)?.adminFields ?? [];
  const titles = Object.fromEntries(fields.map((field) => [`spec.${field.name}`, field.title]));
  return (
    <FormElsewhere value={{ titles, at: to("admin", "key-managers", name, "edit") }}>
      <CheckPanel what={{ name }} />
    </FormElsewhere>
  );
}
