import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Chats } from "./chats";
import { App } from "./page/app";
import { ErrorBoundary } from "./page/error-boundary";
import { ErrorPage } from "./page/error-page";
import { openStorage } from "./storage";
import "./styles/index.css";

const storage = openStorage();
const chats = new Chats(storage);
addEventListener("storage", chats.onStorageEvent);

createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <ErrorBoundary resetKey={null} fallback={<ErrorPage chats={chats} />}>
      <App chats={chats} storage={storage} />
    </ErrorBoundary>
  </StrictMode>,
);
