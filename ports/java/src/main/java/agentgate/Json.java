package agentgate;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON, as plain values of Java: {@code Map<String, Object>}, {@code List<Object>}, {@code String},
 * {@code Long} (or {@code BigInteger}), {@code Double} (or {@code BigDecimal}), {@code Boolean}, {@code null}.
 */
public final class Json {
    /** Deeper than this is taken for no JSON: a parser that recurses must not end the stack. */
    private static final int DEEPEST = 512;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** That a text is no JSON. */
    public static final class NoJson extends Exception {
        private static final long serialVersionUID = 1L;

        NoJson(String message) {
            super(message);
        }
    }

    /**
     * Reads one value.
     *
     * @param text all of it
     * @return the value
     * @throws NoJson if it is none
     */
    public static Object parse(String text) throws NoJson {
        Json json = new Json(text);
        Object value = json.value(0);
        json.blank();
        if (json.at != text.length()) {
            throw json.wrong("more than one value");
        }
        return value;
    }

    /**
     * Writes a value.
     *
     * @param value maps, iterables, texts, numbers, booleans and null
     * @return one line of JSON
     */
    public static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out, 0);
        return out.toString();
    }

    /**
     * Takes a value for an object.
     *
     * @param value what came
     * @return it, if it is an object, else null
     */
    @SuppressWarnings("unchecked") // what parse() returns has texts for keys, and nothing else gets here
    public static Map<String, Object> object(Object value) {
        return value instanceof Map ? (Map<String, Object>) value : null;
    }

    /**
     * Takes a value for an array.
     *
     * @param value what came
     * @return it, if it is an array, else null
     */
    @SuppressWarnings("unchecked") // as above
    public static List<Object> array(Object value) {
        return value instanceof List ? (List<Object>) value : null;
    }

    /**
     * Makes an object of names and values by turns.
     *
     * @param members name, value, name, value …
     * @return a map that keeps their order
     */
    public static Map<String, Object> of(Object... members) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < members.length; i += 2) {
            map.put((String) members[i], members[i + 1]);
        }
        return map;
    }

    private Object value(int depth) throws NoJson {
        if (depth > DEEPEST) {
            throw wrong("too deep");
        }
        blank();
        if (at == text.length()) {
            throw wrong("nothing");
        }
        char c = text.charAt(at);
        switch (c) {
            case '{':
                return readObject(depth);
            case '[':
                return readArray(depth);
            case '"':
                return readText();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return readNumber();
        }
    }

    private Map<String, Object> readObject(int depth) throws NoJson {
        Map<String, Object> map = new LinkedHashMap<>();
        at++;
        blank();
        if (peek('}')) {
            return map;
        }
        while (true) {
            blank();
            if (at == text.length() || text.charAt(at) != '"') {
                throw wrong("a name is missing");
            }
            String name = readText();
            blank();
            if (!peek(':')) {
                throw wrong("a colon is missing");
            }
            map.put(name, value(depth + 1));
            blank();
            if (peek('}')) {
                return map;
            }
            if (!peek(',')) {
                throw wrong("a comma is missing");
            }
        }
    }

    private List<Object> readArray(int depth) throws NoJson {
        List<Object> list = new ArrayList<>();
        at++;
        blank();
        if (peek(']')) {
            return list;
        }
        while (true) {
            list.add(value(depth + 1));
            blank();
            if (peek(']')) {
                return list;
            }
            if (!peek(',')) {
                throw wrong("a comma is missing");
            }
        }
    }

    private String readText() throws NoJson {
        StringBuilder out = new StringBuilder();
        at++;
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '"') {
                return out.toString();
            }
            if (c < ' ') {
                throw wrong("a control character");
            }
            out.append(c == '\\' ? escaped() : c);
        }
        throw wrong("a text without end");
    }

    private char escaped() throws NoJson {
        if (at == text.length()) {
            throw wrong("a text without end");
        }
        char c = text.charAt(at++);
        switch (c) {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case '"':
            case '\\':
            case '/':
                return c;
            case 'u':
                int code = 0;
                for (int i = 0; i < 4; i++) {
                    int digit = at < text.length() ? Character.digit(text.charAt(at++), 16) : -1;
                    if (digit < 0) {
                        throw wrong("an escape that is none");
                    }
                    code = code * 16 + digit;
                }
                return (char) code;
            default:
                throw wrong("an escape that is none");
        }
    }

    private Object readNumber() throws NoJson {
        int start = at;
        while (at < text.length() && "+-0123456789.eE".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String number = text.substring(start, at);
        if (!number.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) {
            throw wrong("no value");
        }
        if (number.matches("-?[0-9]+")) {
            if (number.length() < 19) {
                return Long.valueOf(number);
            }
            BigInteger big = new BigInteger(number);
            return big.bitLength() < 64 ? (Object) big.longValue() : big;
        }
        double value = Double.parseDouble(number);
        return Double.isInfinite(value) ? (Object) new BigDecimal(number) : value;
    }

    private Object word(String word, Object value) throws NoJson {
        if (!text.startsWith(word, at)) {
            throw wrong("no value");
        }
        at += word.length();
        return value;
    }

    private boolean peek(char c) {
        if (at < text.length() && text.charAt(at) == c) {
            at++;
            return true;
        }
        return false;
    }

    private void blank() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private NoJson wrong(String what) {
        return new NoJson(what + " at " + at);
    }

    private static void write(Object value, StringBuilder out, int depth) {
        if (depth > DEEPEST) {
            throw new IllegalArgumentException("nested too deep");
        }
        if (value == null || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof CharSequence) {
            writeText(value.toString(), out);
        } else if (value instanceof Number) {
            if (value instanceof Double || value instanceof Float) {
                double number = ((Number) value).doubleValue();
                if (Double.isNaN(number) || Double.isInfinite(number)) {
                    throw new IllegalArgumentException("JSON has no " + number);
                }
            }
            out.append(value);
        } else if (value instanceof RequestId) {
            write(((RequestId) value).json(), out, depth);
        } else if (value instanceof Map) {
            char before = '{';
            for (Map.Entry<?, ?> member : ((Map<?, ?>) value).entrySet()) {
                out.append(before);
                before = ',';
                writeText((String) member.getKey(), out);
                out.append(':');
                write(member.getValue(), out, depth + 1);
            }
            out.append(before == '{' ? "{}" : "}");
        } else if (value instanceof Iterable) {
            char before = '[';
            for (Object each : (Iterable<?>) value) {
                out.append(before);
                before = ',';
                write(each, out, depth + 1);
            }
            out.append(before == '[' ? "[]" : "]");
        } else {
            throw new IllegalArgumentException("no JSON: " + value.getClass());
        }
    }

    private static void writeText(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || (Character.isSurrogate(c) && !paired(text, i))) {
                // Half a pair has no UTF-8: as an escape it arrives as it was given (C1).
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private static boolean paired(String text, int i) {
        return Character.isHighSurrogate(text.charAt(i))
                ? i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))
                : i > 0 && Character.isHighSurrogate(text.charAt(i - 1));
    }
}
