import { Alert, Button, Menu, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { forget, objectName, objectQuery, replaceObject, type Nouns, type Stored } from "../../api/objects";
import { apiUsagesQuery, servedIn, stateOf } from "../../api/publishing";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Confirm } from "../../ui/confirm";
import { Icon } from "../../ui/icon";
import { ImpactList } from "../../ui/impact";
import { sayDone } from "../../ui/say-done";

const words = texts.publisher.apis;

type State = keyof typeof words.moves;
const states: State[] = ["draft", "published", "deprecated", "retired"];

const inState = (api: Nouns["apis"], state: State): Nouns["apis"] => ({ ...api, spec: { ...api.spec, state } });

/** Takes an API to another state, after it was said what that means to those who call it. */
export function ChangeState({ stored }: { stored: Stored<"apis"> }) {
  const tenant = useTenant();
  const queries = useQueryClient();
  const name = objectName(stored.object);
  const now = stateOf(stored.object) as State;
  const opener = useRef<HTMLButtonElement>(null);
  const [next, setNext] = useState<State>();
  const [shown, setShown] = useState<State>("published"); // what the dialog says, while it closes too
  const run = useMutation({
    mutationFn: (state: State) => replaceObject(tenant, "apis", name, inState(stored.object, state), stored.etag),
    onSuccess: async (_, state) => {
      setNext(undefined);
      sayDone({ tenant, message: words.moves[state].done(name), undo: () => back(now) });
      await forget(queries, tenant, "apis");
    },
  });
  // From the version that is there by then: only the state goes back.
  const back = async (state: State) => {
    const fresh = await queries.query({ ...objectQuery(tenant, "apis", name), staleTime: 0 });
    await replaceObject(tenant, "apis", name, inState(fresh.object, state), fresh.etag);
    await forget(queries, tenant, "apis");
  };
  const ends = servedIn(now) && !servedIn(shown);
  const ask = (state: State) => {
    setShown(state);
    setNext(state);
  };
  return (
    <>
      {now === "draft" && <Button onClick={() => { ask("published"); }}>{words.moves.published.action}</Button>}
      <Menu position="bottom-end" withArrow>
        <Menu.Target>
          <Button ref={opener} variant="default" rightSection={<Icon name="down" size={14} />}>{words.change}</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {states.filter((state) => state !== now && !(now === "draft" && state === "published")).map((state) => (
            <Menu.Item
              key={state}
              {...(servedIn(now) && !servedIn(state) && { color: "red" })}
              onClick={() => { ask(state); }}
            >
              {words.moves[state].action}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Confirm
        opened={next !== undefined}
        close={() => {
          setNext(undefined);
          run.reset();
        }}
        opener={opener}
        title={words.moves[shown].title(name)}
        action={words.moves[shown].action}
        harmless={!ends}
        {...(ends && { word: name })}
        run={() => { run.mutate(shown); }}
        pending={run.isPending}
        error={run.error}
      >
        <Text size="sm">{words.moves[shown].lead}</Text>
        {ends && stored.object.spec.default && <Alert color="yellow">{words.defaultEnds}</Alert>}
        {ends && next !== undefined && <Callers name={name} />}
      </Confirm>
    </>
  );
}

function Callers({ name }: { name: string }) {
  const usages = useQuery(apiUsagesQuery(useTenant(), name)).data;
  return (
    <>
      {usages && usages.count > 0 && <Text size="sm" fw={600}>{texts.publisher.preview.callers(usages.count)}</Text>}
      <ImpactList impact={usages?.retire} />
    </>
  );
}
