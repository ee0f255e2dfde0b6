package devicebound;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DynamicTest;

/**
 * What comes out of each call on each transport. A resource holds the table as it has to be; what has come out
 * is printed when all have run.
 */
public final class Table {
    /** Gives what stands in the table. */
    public interface Cell {
        String run() throws Exception;
    }

    private static final String ABSENT = "–";

    private final String title;
    private final List<String> columns;
    private final Map<String, Map<String, String>> rows = new LinkedHashMap<>();
    private final List<String> wanted;

    /** resource: the file's name, which all versions of the SDK share. */
    public Table(String resource, String title, Object... columns) {
        this.title = title;
        this.columns = Arrays.stream(columns).map(Object::toString).toList();
        try (InputStream file = Table.class.getResourceAsStream("/" + resource)) {
            wanted = new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        } catch (IOException unreadable) {
            throw new AssertionError(unreadable);
        }
    }

    /** A test that gives what stands in this cell. */
    public DynamicTest test(String row, Object column, Cell cell) {
        Map<String, String> cells = rows.computeIfAbsent(row, name -> new LinkedHashMap<>());
        return DynamicTest.dynamicTest(row + ", " + column, () -> {
            cells.put(column.toString(), "FAILED");
            String outcome = cell.run();
            cells.put(column.toString(), outcome);
            assertEquals(wanted(row, column.toString()), outcome, row + ", " + column);
        });
    }

    private String wanted(String row, String column) {
        return wanted.stream().filter(line -> line.startsWith("| " + row + " | ")).findFirst()
            .map(line -> line.split(" \\| ")[columns.indexOf(column) + 1].replaceAll(" \\|$", "")).orElse("no such row");
    }

    @Override
    public String toString() {
        return line(title, columns) + line("---", columns.stream().map(name -> "---").toList())
            + rows.entrySet().stream().map(row -> line(row.getKey(),
                columns.stream().map(name -> row.getValue().getOrDefault(name, ABSENT)).toList())).collect(Collectors.joining());
    }

    private static String line(String first, List<String> others) {
        return "| " + first + " | " + String.join(" | ", others) + " |\n";
    }
}
