import { useEffect, useState } from "react";
import { serviceNow } from "./api/client";

/** Now by the service's clock, anew every `everyMs`. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(serviceNow);
  useEffect(() => {
    setNow(serviceNow());
    const timer = window.setInterval(() => setNow(serviceNow()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
