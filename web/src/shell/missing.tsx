import { Button } from "@mantine/core";
import { Link } from "react-router";

import { texts } from "../texts";
import { Empty } from "../ui/empty";
import { Page } from "../ui/page";

const words = texts.missing;

/** An address that no page has, or one of something that is not there, with what the server says of that. */
export function Missing({ said = words.nothing }: { said?: string }) {
  return (
    <Page title={words.title}>
      <Empty icon="search" title={said} action={<Button component={Link} to="/" variant="default">{words.home}</Button>}>
        {words.lead}
      </Empty>
    </Page>
  );
}

/** The page of something that is for others, with what the server says of that. */
export function Refused({ said }: { said: string }) {
  return (
    <Page title={texts.notYours.object}>
      <Empty icon="user" title={said} action={<Button component={Link} to="/" variant="default">{words.home}</Button>}>
        {texts.notYours.objectLead}
      </Empty>
    </Page>
  );
}
