package devicebound;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Items that arrive whenever they like, and are asked for one by one. */
public final class Mailbag<T> {
    private static final int PATIENCE_SECONDS = 20; // for anything that should take milliseconds, on a busy machine

    private final LinkedBlockingQueue<T> items = new LinkedBlockingQueue<>();
    private final String what;

    public Mailbag(String what) {
        this.what = what;
    }

    public void put(T item) {
        items.add(item);
    }

    public T take() throws InterruptedException {
        T item = items.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (item == null) {
            throw new AssertionError("waited " + PATIENCE_SECONDS + " s for " + what);
        }
        return item;
    }

    public boolean isEmpty() {
        return items.isEmpty();
    }
}
