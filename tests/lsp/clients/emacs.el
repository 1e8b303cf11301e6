;; Drives Emacs as somebody would who types, and takes words as the pop-ups of Company and Corfu do; what was shown and
;; what became of the text go to the file $SEEN.
(defun line () (buffer-substring-no-properties (line-beginning-position) (line-end-position)))

(defun words (begin end table)
  "The completions of the text from BEGIN to END in the order in which they are shown."
  (let ((all (completion-all-completions (buffer-substring begin end) table nil (- end begin)))
        (order (completion-metadata-get (completion-metadata "" table nil) 'display-sort-function)))
    (when (consp all) (setcdr (last all) nil)) ; the last cell holds a number
    (funcall order all)))

(let ((seen nil))
  (find-file "story.txt")
  (run-hooks 'post-command-hook) ; when Eglot connects
  (while (not (eglot-managed-p)) (accept-process-output nil 0.05))
  (goto-char (line-end-position))
  (dolist (letters '(" liv" " " " 😀 The c"))
    (insert letters)
    (pcase-let* ((`(,begin ,end ,table . ,options) (eglot-completion-at-point))
                 (shown (words begin end table)))
      (delete-region begin end)
      (insert (car shown))
      (funcall (plist-get options :exit-function) (car shown) 'finished)
      (push `((words . ,(vconcat (mapcar #'substring-no-properties shown))) (line . ,(line))) seen)))
  (let ((coding-system-for-write 'utf-8))
    (write-region (json-encode (vconcat (reverse seen))) nil (getenv "SEEN")))
  (set-buffer-modified-p nil)
  (kill-emacs))
