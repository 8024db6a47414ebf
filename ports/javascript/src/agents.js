/** Named agents: conversations that last, and that all share who have the password. */

/** `client.agents`; for tokens of role `console` or `relay`. */
export class Agents {
  #stand;
  #sessions;
  #begun = new Map();

  /**
   * @param {{stand: (method: string, params: object, stood: Function) => {answer: Promise<object>, end: () => void}}} calls
   *   makes calls on every connection
   * @param {import("./sessions.js").Sessions} sessions of the client
   */
  constructor({ stand }, sessions) {
    this.#stand = stand;
    this.#sessions = sessions;
  }

  /**
   * Log in to an agent, on this connection and on each that follows, until `logout`.
   * @param {string} agent its id, or its name
   * @param {string} password
   * @returns {Promise<Agent>} rejects with -32017: there is none, or that is not its password
   */
  async login(agent, password) {
    let made = null;
    const { answer, end } = this.#stand("login_agent", { agent, password }, (error) => {
      if (made) made.problem = error;
    });
    try {
      const login = await answer;
      made = new Agent(this, login, await this.#sessions.get(login.session));
    } catch (error) {
      end();
      throw error;
    }
    this.#begun.get(made.id)?.();
    this.#begun.set(made.id, end);
    return made;
  }

  /** Log out of one; for `Agent.logout`. */
  async logout({ id }) {
    const end = this.#begun.get(id);
    if (!end) return;
    this.#begun.delete(id);
    end();
    await this.#sessions.ask("logout_agent", { agent: id });
  }
}

/** An agent that this client is logged in to. */
export class Agent {
  #agents;

  constructor(agents, login, session) {
    this.#agents = agents;
    this.id = login.agent;
    this.name = login.name;
    /** What the gateway said: the whole history is from `{epoch, offset: oldest}` on. */
    this.login = login;
    /** Its conversation; with `queue` nobody is refused because another is talking. */
    this.session = session;
    /** Why the login of the present connection was refused; null: it was not. */
    this.problem = null;
  }

  /** Log out; nothing of its session follows. Its run goes on. */
  logout() {
    return this.#agents.logout(this);
  }
}
