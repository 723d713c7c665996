import { Button } from "@mantine/core";
import { Link } from "react-router";

import { texts } from "../texts";
import { Empty } from "../ui/empty";

/** An address that no page has. */
export function Missing() {
  return (
    <Empty
      icon="search"
      title={texts.missing.title}
      action={<Button component={Link} to="/">{texts.missing.home}</Button>}
    >
      {texts.missing.lead}
    </Empty>
  );
}
