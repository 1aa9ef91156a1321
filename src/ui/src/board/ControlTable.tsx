import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { changeGroup, group as askGroup } from "../api/client";
import type { ControlView } from "../api/types";
import { ProblemAlert } from "../shell/ProblemAlert";
import { Waiting } from "../shell/Waiting";
import { shownControl } from "./controls";
import { SettingTable } from "./SettingTable";

/** Others change controls too. */
const AGAIN_MS = 10_000;

/** The live controls of a group: what is in force, what the configuration says, who changed it and when, and the way back. */
export function ControlTable({ group }: { group: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["groups", group], queryFn: () => askGroup(group), refetchInterval: AGAIN_MS });
  const back = useMutation({
    mutationFn: (control: ControlView["control"]) => changeGroup(group, { to_configuration: [control] }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["groups", group] }),
  });
  if (found.isPending) return <Waiting />;
  if (found.error) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  const shown = (control: ControlView, value: number | string | null) => shownControl(control.control, value, t);
  return (
    <>
      {back.error && <ProblemAlert error={back.error} />}
      <SettingTable
        kind="control"
        id={`controls-${group}`}
        heading={t("controls.control")}
        filedHeading={t("controls.configured")}
        backLabel={t("controls.back")}
        settings={found.data.controls.map((control) => ({
          name: control.control,
          title: t(`controls.${control.control}`),
          inForce: shown(control, control.in_force),
          filed: shown(control, control.configured),
          set: control.set,
          mayGoBack: control.set && control.configured !== null,
          changedBy: control.changed_by,
          changedAt: control.changed_at,
        }))}
        goingBack={back.isPending ? back.variables : null}
        onBack={(control) => back.mutate(control)}
      />
    </>
  );
}
