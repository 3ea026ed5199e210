import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Chats } from "./chats";
import { App } from "./page/app";
import { Boundary } from "./page/boundary";
import { Broken } from "./page/broken";
import { openEntries } from "./storage";
import "./styles.css";

const entries = openEntries();
const chats = new Chats(entries);
addEventListener("storage", chats.heard);

createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <Boundary of={null} fallback={<Broken chats={chats} />}>
      <App chats={chats} entries={entries} />
    </Boundary>
  </StrictMode>,
);
