import { useQueryClient } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { Navigate, Route, Routes } from "react-router";
import { whenSignedOut } from "./api/client";
import type { Me, Role } from "./api/types";
import { Wallboard } from "./board/Wallboard";
import { CallbacksPage } from "./callbacks/CallbacksPage";
import { CampaignList } from "./campaigns/CampaignList";
import { CampaignPage } from "./campaigns/CampaignPage";
import { ImportPage } from "./imports/ImportPage";
import { CustomersPage } from "./customers/CustomersPage";
import { DeskPage } from "./desk/DeskPage";
import { ExportsPage } from "./exports/ExportsPage";
import { IntegrationsPage } from "./integrations/IntegrationsPage";
import { Login } from "./login/Login";
import { OrdersPage } from "./orders/OrdersPage";
import { OperatorPage } from "./operator/OperatorPage";
import { homeOf, mayOpen, type PageName } from "./shell/access";
import { PromisesPage } from "./promises/PromisesPage";
import { RepliesPage } from "./reviews/RepliesPage";
import { Shell } from "./shell/Shell";
import { forgetMe, useMe } from "./shell/useMe";
import { Waiting } from "./shell/Waiting";
import { ProblemAlert } from "./shell/ProblemAlert";
import { SuppressionsPage } from "./suppressions/SuppressionsPage";

/** Which page is shown at which address, and to whom. */
export function Pages() {
  const queries = useQueryClient();
  const me = useMe();

  useEffect(() => whenSignedOut(() => forgetMe(queries)), [queries]);

  if (me.isPending) return <Waiting />;
  if (me.error) return <ProblemAlert error={me.error} onRetry={() => void me.refetch()} m="xl" />;
  if (!me.data) return <Login />;
  return <Inside me={me.data} />;
}

function Inside({ me }: { me: Me }) {
  const home = homeOf(me.role);
  const only = (page: PageName, shown: ReactNode) => guarded(me.role, page, home, shown);
  return (
    <Shell me={me}>
      <Routes>
        <Route path="/board" element={only("board", <Wallboard me={me} />)} />
        <Route path="/campaigns" element={only("campaigns", <CampaignList me={me} />)} />
        <Route path="/campaigns/:key" element={only("campaigns", <CampaignPage me={me} />)} />
        <Route path="/campaigns/:key/import" element={me.role === "manager" ? <ImportPage /> : <Navigate to={home} replace />} />
        <Route path="/callbacks" element={only("callbacks", <CallbacksPage />)} />
        <Route path="/promises" element={only("promises", <PromisesPage />)} />
        <Route path="/replies" element={only("replies", <RepliesPage />)} />
        <Route path="/customers" element={only("customers", <CustomersPage />)} />
        <Route path="/orders" element={only("orders", <OrdersPage me={me} />)} />
        <Route path="/suppressions" element={only("suppressions", <SuppressionsPage />)} />
        <Route path="/exports" element={only("exports", <ExportsPage me={me} />)} />
        <Route path="/integrations" element={only("integrations", <IntegrationsPage me={me} />)} />
        <Route path="/operator" element={only("operator", <OperatorPage />)} />
        <Route path="/desk" element={only("desk", <DeskPage me={me} />)} />
        <Route path="*" element={<Navigate to={home} replace />} />
      </Routes>
    </Shell>
  );
}

function guarded(role: Role, page: PageName, home: string, shown: ReactNode): ReactNode {
  return mayOpen(role, page) ? shown : <Navigate to={home} replace />;
}
