// The few signs the pages use, drawn here. They are decoration: a word always stands beside them.

const PATHS = {
  ready: "M5 12.5l4.5 4.5L19 7.5",
  previewing: "M2 12c4-7 16-7 20 0-4 7-16 7-20 0zM12 9a3 3 0 100 6 3 3 0 000-6z",
  reserved: "M12 3v3M12 18v3M3 12h3M18 12h3M12 8a4 4 0 100 8 4 4 0 000-8z",
  talking:
    "M5 4h4l2 5-2.5 1.5a11 11 0 005 5L15 13l5 2v4a2 2 0 01-2 2A16 16 0 013 6a2 2 0 012-2z",
  wrap_up: "M4 20h4L19 9l-4-4L4 16v4zM13.5 6.5l4 4",
  not_ready: "M8 5v14M16 5v14",
  connecting: "M4 12a8 8 0 0114-5.3M20 12a8 8 0 01-14 5.3M18 3v4h-4M6 21v-4h4",
  offline: "M12 3v9M6.5 6.5a8 8 0 1011 0",
  open: "M4 20h16M6 20V4h9v16M15 6l4 1v13M12 12v.01",
  closed: "M4 20h16M6 20V4h12v16M15 12v.01",
  up: "M12 20V6M6 11l6-6 6 6",
  down: "M6 6l12 12M18 6L6 18",
  play: "M7 4.5v15l12-7.5z",
  pause: "M8 5v14M16 5v14",
  stop: "M6 6h12v12H6z",
  warning: "M12 4L2.5 20h19zM12 10v5M12 17.5v.01",
  info: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v5M12 8v.01",
  inbound: "M18 6L7 17M7 8v9h9",
  outbound: "M6 18L17 7M8 7h9v9",
  hangup: "M3 14c5-6 13-6 18 0l-3 3-4-2v-3h-4v3l-4 2z",
  phone: "M5 4h4l2 5-2.5 1.5a11 11 0 005 5L15 13l5 2v4a2 2 0 01-2 2A16 16 0 013 6a2 2 0 012-2z",
  board: "M4 4h7v7H4zM13 4h7v4h-7zM13 10h7v10h-7zM4 13h7v7H4z",
  campaigns: "M4 10v4l12 5V5L4 10zM16 9a3 3 0 010 6M7 15v4h3v-3",
  blocked: "M12 3a9 9 0 100 18 9 9 0 000-18zM6 6l12 12",
  trunk: "M4 7h16M4 12h16M4 17h16M8 4v16",
  signOut: "M14 4h-9v16h9M10 12h10M16 8l4 4-4 4",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14A8 8 0 119.5 4 6.5 6.5 0 0020 14z",
  language: "M3 6h10M8 4v2M11 6c-1 5-4 8-8 9M5 9c1 3 4 5 7 6M12 20l4.5-10L21 20M13.5 17h6",
  fullScreen: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5l3 2",
  menu: "M4 6h16M4 12h16M4 18h16",
  adjust: "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4",
  download: "M12 5v11M7 11l5 5 5-5M4 19h16",
  upload: "M12 16V5M7 10l5-5 5 5M4 19h16",
  plug: "M9 3v5M15 3v5M6 8h12v3a6 6 0 01-12 0zM12 17v4",
  note: "M6 3h9l4 4v14H6zM9 12h7M9 16h7",
  parcel: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8",
  person: "M12 4a4 4 0 100 8 4 4 0 000-8zM4 21c1-5 4-7 8-7s7 2 8 7",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  const filled = name === "play" || name === "stop";
  return (
    <svg
      aria-hidden="true"
      focusable="false"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={filled ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth={2}
      strokeLinecap="round"
      strokeLinejoin="round"
      style={{ flex: "none" }}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
